package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// clockTick is USER_HZ, the unit of CPU times in /proc, on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// cpu is CPU time used since each began.
type cpu struct {
	// own: this load; server and store: all their threads; machine: everything on every core.
	own, server, store, machine time.Duration
}

// others is how many seconds neither load nor server nor store used since. The clocks tick apart, so a quiet machine may come out a
// little below nothing.
func (now cpu) others(since cpu) float64 {
	all := now.machine - since.machine
	return max(0, (all - (now.own - since.own) - (now.server - since.server) - (now.store - since.store)).Seconds())
}

func cpuTimes(j job) (now cpu, err error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return now, err
	}
	now.own = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	if now.server, err = processTime(j.Pid); err != nil {
		return now, fmt.Errorf("the server is gone: %w", err)
	}
	if j.StorePid != 0 {
		if now.store, err = processTime(j.StorePid); err != nil {
			return now, fmt.Errorf("the store is gone: %w", err)
		}
	}
	all, err := os.ReadFile("/proc/stat")
	if err != nil {
		return now, err
	}
	// "cpu" user nice system idle iowait irq softirq steal: all but idle and iowait.
	line, _, _ := bytes.Cut(all, []byte("\n"))
	fields := bytes.Fields(line)
	now.machine = ticks(fields[1], fields[2], fields[3], fields[6], fields[7], fields[8])
	return now, nil
}

// processTime is the CPU time of all threads of a process.
func processTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// proc(5), stat: user and system time are fields 14 and 15. The name in field 2 may hold spaces; its closing
	// bracket is the last one.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	return ticks(fields[11], fields[12]), nil
}

func ticks(fields ...[]byte) (sum time.Duration) {
	for _, field := range fields {
		n, _ := strconv.Atoi(string(field))
		sum += time.Duration(n) * clockTick
	}
	return sum
}

// serverMemory is the resident memory of the process in bytes (proc(5), statm field 2).
func serverMemory(pid int) (int, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.Atoi(string(bytes.Fields(statm)[1]))
	return pages * os.Getpagesize(), err
}
