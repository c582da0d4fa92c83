//! Engines that drive the runtime through its command line. Skipped where the engine is not
//! installed; the test machine of `scripts/vm` has it.

mod podman;
