// Package measure watches an installation from outside while it is under load:
// its processes by /proc, its metrics by HTTP, its lag by its topics; and says
// what machine it runs on. Linux only: elsewhere processes show as not measured.
package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clockTicks of /proc/PID/stat per second: 100 on every Linux that Go runs on.
const clockTicks = 100

// Process is one process at one moment.
type Process struct {
	PID  int
	Name string
	// Resident memory in bytes, CPU time used so far.
	Resident int64
	CPU      time.Duration
}

// Tree returns a process and all that it started, by /proc. The error says why
// the first of them cannot be read.
func Tree(pid int) ([]Process, error) {
	children, err := childrenOf()
	if err != nil {
		return nil, err
	}
	root, err := read(pid)
	if err != nil {
		return nil, fmt.Errorf("read process %d: %w", pid, err)
	}
	list := []Process{root}
	for i := 0; i < len(list); i++ {
		for _, child := range children[list[i].PID] {
			if p, err := read(child); err == nil { // else it has just ended
				list = append(list, p)
			}
		}
	}
	return list, nil
}

// Self is this process.
func Self() (Process, error) { return read(os.Getpid()) }

func childrenOf() (map[int][]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return nil, fmt.Errorf("list processes: /proc cannot be read on %s", runtime.GOOS)
	}
	children := map[int][]int{}
	for _, path := range stats {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if f, _, err := stat(pid); err == nil {
			parent, _ := strconv.Atoi(f[1])
			children[parent] = append(children[parent], pid)
		}
	}
	for _, list := range children {
		slices.Sort(list)
	}
	return children, nil
}

// stat reads the fields of /proc/PID/stat behind the command's name: state, ppid, …
func stat(pid int) (fields []string, name string, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, "", err
	}
	open, end := strings.IndexByte(string(b), '('), strings.LastIndexByte(string(b), ')')
	if open < 0 || end < open {
		return nil, "", fmt.Errorf("/proc/%d/stat has an unknown form", pid)
	}
	fields = strings.Fields(string(b[end+1:]))
	if len(fields) < 22 {
		return nil, "", fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	return fields, string(b[open+1 : end]), nil
}

func read(pid int) (Process, error) {
	f, name, err := stat(pid)
	if err != nil {
		return Process{}, err
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(f[i], 10, 64)
		return n
	}
	return Process{
		PID: pid, Name: nameOf(pid, name), Resident: number(21) * int64(os.Getpagesize()),
		CPU: time.Duration(number(11)+number(12)) * time.Second / clockTicks,
	}, nil
}

// nameOf tells the children of `vigie up` apart by their command line.
func nameOf(pid int, short string) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // a name is no reason to fail
	args := strings.Split(strings.TrimRight(string(b), "\x00"), "\x00")
	switch {
	case short == "java" || strings.Contains(string(b), "kafka.Kafka"):
		return "Kafka"
	case len(args) > 1 && strings.Contains(args[1], "engine"):
		return "ClickHouse"
	}
	return short
}
