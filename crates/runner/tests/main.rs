//! What the runner does to real repositories, files and processes.

mod git;
