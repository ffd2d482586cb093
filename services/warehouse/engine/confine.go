package engine

import (
	"debug/elf"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// confinedEnv tells the process that replaced itself what it is held to.
const confinedEnv = "VIGIE_ENGINE_CONFINED"

// readable is what the engine and its loader may read of the machine: libraries,
// the zone, names, and what the kernel tells of processors and memory.
var readable = []string{
	"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/etc/ld.so.cache", "/etc/localtime",
	"/usr/share/zoneinfo", "/etc/nsswitch.conf", "/etc/hosts", "/etc/host.conf", "/etc/resolv.conf",
	"/proc", "/sys", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom",
}

// confine takes from this process what it does not need: new privileges, core
// dumps, and, where the kernel has Landlock, every file but the library's, the
// system's and the data, connections to others, and every port but its own. A
// thread can only confine itself, and a library has threads of its own: so it is
// done before there are any, and the program takes its own place. It returns, in
// words for the log, what the process is held to.
func confine(cfg ServeConfig) (string, error) {
	if how := os.Getenv(confinedEnv); how != "" {
		return how, nil
	}
	// A core of the engine holds rows and passwords.
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return "", fmt.Errorf("forbid core dumps: %w", err)
	}
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return "", fmt.Errorf("give up new privileges: %w", err)
	}
	how, err := landlock(cfg)
	if err != nil {
		return "", fmt.Errorf("confine the ClickHouse engine: %w", err)
	}
	// The parent's wish that this process dies with it was the first thread's.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return "", fmt.Errorf("die with the parent: %w", err)
	}
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the program again: %w", err)
	}
	return "", fmt.Errorf("start the program again, confined: %w", syscall.Exec(exe, os.Args, append(os.Environ(), confinedEnv+"="+how)))
}

// The rights of Landlock by the ABI that brought them, and what reading needs.
const (
	fsOfABI1     = 1<<13 - 1
	fsRead       = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	fsOfFile     = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	netTCP       = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	scopedSignal = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	// ruleNetPort is LANDLOCK_RULE_NET_PORT (linux/landlock.h).
	ruleNetPort = 2
)

// rights are what a ruleset handles: what the kernel's ABI knows.
func rights(abi uintptr) unix.LandlockRulesetAttr {
	a := unix.LandlockRulesetAttr{Handled_access_fs: fsOfABI1}
	if abi >= 2 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		a.Handled_access_net = netTCP
	}
	if abi >= 5 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		a.Scoped = scopedSignal
	}
	return a
}

// landlock restricts the calling thread and whatever it becomes.
func landlock(cfg ServeConfig) (string, error) {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return "no new privileges (this kernel has no Landlock)", nil
	}
	attr := rights(abi)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return "", fmt.Errorf("make a Landlock ruleset: %w", errno)
	}
	defer unix.Close(int(fd))
	set := ruleset{fd: fd, handled: attr.Handled_access_fs}
	if err := set.allowFiles(cfg); err != nil {
		return "", err
	}
	if attr.Handled_access_net != 0 {
		if err := set.allowPort(cfg.Listen); err != nil {
			return "", err
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return "", fmt.Errorf("apply the Landlock ruleset: %w", errno)
	}
	return "no new privileges, Landlock " + strconv.Itoa(int(abi)), nil
}

// ruleset is a Landlock ruleset in the making.
type ruleset struct {
	fd      uintptr
	handled uint64
}

func (r ruleset) allowFiles(cfg ServeConfig) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	if err := r.allow(exe, fsRead|unix.LANDLOCK_ACCESS_FS_EXECUTE); err != nil {
		return err
	}
	if loader := loaderOf(exe); loader != "" {
		if err := r.allow(loader, fsRead|unix.LANDLOCK_ACCESS_FS_EXECUTE); err != nil {
			return err
		}
	}
	for _, path := range append([]string{filepath.Dir(cfg.Lib)}, readable...) {
		if err := r.allow(path, fsRead); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := r.allow("/dev/null", unix.LANDLOCK_ACCESS_FS_WRITE_FILE); err != nil {
		return err
	}
	return r.allow(cfg.Data, r.handled&^unix.LANDLOCK_ACCESS_FS_EXECUTE)
}

// allow grants rights on a file, or beneath a directory.
func (r ruleset) allow(path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("allow %s: %w", path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("allow %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fsOfFile
	}
	beneath := unix.LandlockPathBeneathAttr{Allowed_access: rights & r.handled, Parent_fd: int32(fd)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, r.fd, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&beneath)), 0, 0, 0); errno != 0 {
		return fmt.Errorf("allow %s: %w", path, errno)
	}
	return nil
}

// allowPort lets the process listen where clients come, and nowhere else.
func (r ruleset) allowPort(listen string) error {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("the address %q to listen on: %w", listen, err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("the port of %q: %w", listen, err)
	}
	// struct landlock_net_port_attr: allowed_access, port.
	rule := [2]uint64{unix.LANDLOCK_ACCESS_NET_BIND_TCP, n}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, r.fd, ruleNetPort, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
		return fmt.Errorf("allow port %d: %w", n, errno)
	}
	return nil
}

// loaderOf is the dynamic loader that a program names, "" for a static one.
func loaderOf(exe string) string {
	f, err := elf.Open(exe)
	if err != nil {
		return ""
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			path := make([]byte, p.Filesz)
			if _, err := p.ReadAt(path, 0); err != nil {
				return ""
			}
			return strings.TrimRight(string(path), "\x00")
		}
	}
	return ""
}
