package child

import "syscall"

// Signal sends a signal to a process. A pid of 0, which Pid gives while no process
// runs, is nobody: to the system it is the caller and all of its group. The error is
// ESRCH when there is no such process.
func Signal(pid int, sig syscall.Signal) error {
	if pid <= 0 {
		return syscall.ESRCH
	}
	return syscall.Kill(pid, sig)
}
