package measure

import (
	"os"
	"os/exec"
	"testing"
)

func TestTreeHasTheChildren(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}()
	list, err := Tree(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if list[0].PID != os.Getpid() || list[0].Resident <= 0 {
		t.Errorf("this process: %+v", list[0])
	}
	for _, p := range list[1:] {
		if p.PID == child.Process.Pid {
			return
		}
	}
	t.Errorf("the child %d is not among %+v", child.Process.Pid, list)
}

func TestTreeOfNobodyIsAnError(t *testing.T) {
	if _, err := Tree(1 << 30); err == nil {
		t.Error("a process that is not there was read")
	}
}

func TestMachineIsDescribed(t *testing.T) {
	m := ThisMachine(t.TempDir())
	if m.Cores < 1 || m.MemoryBytes < 1<<20 || m.Kernel == "" || m.Disk == "" || m.Go == "" {
		t.Errorf("%+v", m)
	}
}
