//! The `saya` binary.

fn main() -> std::process::ExitCode {
    saya::cli::main()
}
