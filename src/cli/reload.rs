//! `reload`: the signal by which a daemon reads its files anew, for `ExecReload=` where no `kill` is installed.

use rustix::process::{Pid, Signal, kill_process};

use super::Exit;

pub(super) fn run(pid: i32) -> Exit {
    let Some(process) = Pid::from_raw(pid) else {
        return Exit::Usage("--pid is not a process id".to_owned());
    };
    match kill_process(process, Signal::HUP) {
        Ok(()) => Exit::Done,
        Err(error) => Exit::Failed(format!("process {pid} cannot be signalled: {error}")),
    }
}
