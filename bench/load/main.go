// Command load drives one server with raw WebSocket frames from one thread and prints what came back.
//
// It reads one job (JSON) from standard input and writes one result (JSON) to standard output. Standard library and
// Linux epoll only: a client library would decode, allocate and wake goroutines for every frame, and then the load and
// not the server would be what is measured.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
)

// job describes the run; bench/load-generator.ts writes it.
type job struct {
	// Scenario is "traffic", "connect", "idle", "resume", "slow" or "token".
	Scenario string `json:"scenario"`
	// Port of the server on 127.0.0.1.
	Port int `json:"port"`
	// Pid of the server, whose CPU time and memory are read.
	Pid int `json:"pid"`
	// StorePid is the process of the server's store, on the load generator's core; 0 if there is none.
	StorePid int `json:"storePid"`
	// Paths are the request targets, one connection each; what is behind a # is for the protocol and not requested. In traffic every RoomSize of them share a conversation,
	// and the first of those is its sender; the last Bystanders of them are alone and silent.
	Paths      []string `json:"paths"`
	RoomSize   int      `json:"roomSize"`
	Bystanders int      `json:"bystanders"`
	// Asked is how many conversations, or pages of the inbox, each connection asks for after its handshake, as in opening.go;
	// 0 is for what its path names.
	Asked int `json:"asked"`
	// InFlight is how many messages each sender keeps unanswered.
	InFlight  int `json:"inFlight"`
	TextBytes int `json:"textBytes"`
	// WarmUp and Seconds: how long to send before, and while, counting. In connect, Seconds is how long to read on when
	// all are connected, in a window of its own.
	WarmUp  float64 `json:"warmUp"`
	Seconds float64 `json:"seconds"`
	// Settle has traffic wait, before the first message, until the server is quiet.
	Settle bool `json:"settle"`
	// Windows is how many times Seconds are counted, one after the other; 0 is 1.
	Windows int `json:"windows"`
	// Protocol of the server: protocolParley, protocolCentrifuge, protocolSocketIO or protocolNone.
	Protocol string `json:"protocol"`
	// Rate is how many messages a second all senders together send on a schedule; in traffic, 0 keeps InFlight instead.
	Rate int `json:"rate"`
	// Missed: in resume, how many messages each resuming client has missed.
	Missed int `json:"missed"`
	// SignIns: in token, how many sign in at a time, with the form Form.
	SignIns int    `json:"signIns"`
	Form    string `json:"form"`
}

const (
	// protocolParley: welcome, ack and seq.
	protocolParley = "parley"
	// protocolCentrifuge: JSON, as in centrifuge.go.
	protocolCentrifuge = "centrifuge"
	// protocolSocketIO: as in socketio.go.
	protocolSocketIO = "socket.io"
	// protocolNone: frames are returned unchanged.
	protocolNone = "none"
)

func main() {
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	// Nothing is allocated while counting, and a collection in the middle would show as a slower server.
	debug.SetGCPercent(-1)
	result, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		os.Exit(1)
	}
}

func run() (any, error) {
	var j job
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		return nil, fmt.Errorf("the job is not JSON: %w", err)
	}
	switch j.Scenario {
	case "traffic":
		return traffic(j)
	case "connect":
		return connect(j)
	case "idle":
		return idle(j)
	case "resume":
		return resume(j)
	case "slow":
		return slow(j)
	case "token":
		return token(j)
	}
	return nil, fmt.Errorf("unknown scenario %q", j.Scenario)
}
