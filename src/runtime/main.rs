//! The `saya` binary: argv → verb → the one error → exit code.

fn main() -> std::process::ExitCode {
    saya::cli::main()
}
