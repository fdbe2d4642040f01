package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"strings"
	"syscall"
	"time"
)

// resumeResult is the result of one run. Times are in milliseconds.
type resumeResult struct {
	Clients int `json:"clients"`
	Missed  int `json:"missed"`
	// QuietP99 and ResumeP99 are of the pair's messages, from one member's write to the other's read.
	QuietP99  float64 `json:"quietP99"`
	ResumeP99 float64 `json:"resumeP99"`
	// QuietMessages and ResumeMessages are how many these are made of.
	QuietMessages  int `json:"quietMessages"`
	ResumeMessages int `json:"resumeMessages"`
	// Worst is the maximum of the pair's messages while the others resumed.
	Worst float64 `json:"worst"`
	// LiveAfter is the time until all had their missed messages, for each round.
	LiveAfter []float64 `json:"liveAfter"`
	// OthersBusy is the share of a core that the rest of the machine used.
	OthersBusy float64 `json:"othersBusy"`
	// Deviations among the missed messages, and among the pair's.
	Lost       uint64 `json:"lost"`
	Doubled    uint64 `json:"doubled"`
	OutOfOrder uint64 `json:"outOfOrder"`
}

const (
	// seqBefore is the newest message of the resuming clients, in conversations of seqBefore + Missed.
	seqBefore = 10
	// reconnectSpread is the client library's longest wait before its first reconnect (src/client/connection/backoff.ts):
	// after a cut of all clients at once, they return spread over this.
	reconnectSpread = 3 * time.Second
	// maxPendingHandshakes limits the handshakes without a response, below a server's backlog of 511: what exceeds that
	// arrives a second later, and connect() would block the load generator for that long.
	maxPendingHandshakes = 400
	// measuredRounds is how often all of them resume: one round is over before the pair has sent enough for a p99.
	measuredRounds = 3
	// warmupRounds are the rounds before the measured ones: a runtime compiles frequent code.
	warmupRounds = 3
	// quietDuration passes before each coming, and settleDuration before it is counted: closing sockets is work, too.
	quietDuration  = 4 * time.Second
	settleDuration = 3 * time.Second
)

// phase is the purpose for which the pair's messages are measured.
type phase int

const (
	unmeasured phase = iota
	quiet
	coming
)

func when(measured bool, what phase) phase {
	if measured {
		return what
	}
	return unmeasured
}

// resumeRun is many who come back at once, and a pair that talks meanwhile. It is the loop's receiver.
//
// The last two paths are the pair's, the others' conversations have RoomSize members.
type resumeRun struct {
	job    job
	loop   *loop
	epoch  string
	prefix string
	// upgrades counts handshakes, ready welcomes, live the clients that have everything.
	upgrades, ready, live int

	received []sequence
	seq, id  field
	// written counts acks while the conversations are filled.
	written int

	pair       [2]*conn
	template   template
	phase      phase
	start      time.Time
	sentCount  uint64
	sentAt     []time.Time
	sentPhases []phase
	latencies  [3]latencies
	buffer     []byte
}

func resume(j job) (*resumeResult, error) {
	r := &resumeRun{job: j, seq: field{name: []byte(`"seq":`)}, id: field{name: []byte(`"id":"`)}}
	r.prefix = fmt.Sprintf("%08x", rand.New(rand.NewSource(time.Now().UnixNano())).Uint32())
	r.template = parleyTemplate(r.prefix, text(0, j.TextBytes))
	members := len(j.Paths) - 2
	r.received = make([]sequence, len(j.Paths))
	r.resetReceived(members)
	for _, i := range []int{members, members + 1} {
		r.received[i].next = 1
	}
	var err error
	if r.loop, err = newLoop(j, r); err != nil {
		return nil, err
	}
	if err := r.fill(members); err != nil {
		return nil, err
	}
	if err := r.loop.open(members, members+2, func() int { return r.ready }); err != nil {
		return nil, err
	}
	for _, c := range r.loop.conns {
		r.pair[c.index-members] = c
	}
	// The same clients, with the state that they would have kept.
	paths := make([]string, len(j.Paths))
	for i, path := range j.Paths {
		paths[i] = fmt.Sprintf("%s&after=%d&epoch=%s", path, seqBefore, r.epoch)
	}
	r.loop.job.Paths = paths

	result := &resumeResult{Clients: members, Missed: j.Missed}
	r.start = time.Now()
	before, err := cpuTimes(j)
	if err != nil {
		return nil, err
	}
	for i := -warmupRounds; i < measuredRounds; i++ {
		measured := i >= 0
		if err := r.runPair(settleDuration, unmeasured); err != nil {
			return nil, err
		}
		if err := r.runPair(quietDuration, when(measured, quiet)); err != nil {
			return nil, err
		}
		took, err := r.reconnectAll(members, when(measured, coming))
		if err != nil {
			return nil, err
		}
		if measured {
			result.LiveAfter = append(result.LiveAfter, milliseconds(took))
		}
		// Leaves time for possible repeats.
		if err := r.runPair(time.Second, unmeasured); err != nil {
			return nil, err
		}
		for i := range r.received[:members] {
			r.check(result, i, uint64(j.Missed))
		}
		r.loop.closeBelow(members)
		r.resetReceived(members)
	}
	for i := range r.pair {
		r.check(result, members+i, r.sentCount)
	}
	after, err := cpuTimes(j)
	if err != nil {
		return nil, err
	}
	result.OthersBusy = after.others(before) / time.Since(r.start).Seconds()
	r.latencies[quiet].sort()
	r.latencies[coming].sort()
	result.QuietP99, result.QuietMessages = r.latencies[quiet].percentile(99), len(r.latencies[quiet])
	result.ResumeP99, result.ResumeMessages = r.latencies[coming].percentile(99), len(r.latencies[coming])
	result.Worst = r.latencies[coming].percentile(100)
	return result, nil
}

// fill lets the first member of each room send all its messages, and leave.
func (r *resumeRun) fill(members int) error {
	each := seqBefore + r.job.Missed
	for first := 0; first < members; first += r.job.RoomSize {
		if err := r.loop.open(first, first+1, func() int { return r.ready }); err != nil {
			return err
		}
		for _, c := range r.loop.conns {
			r.buffer = r.buffer[:0]
			for n := 1; n <= each; n++ {
				r.buffer = r.template.appendTo(r.buffer, uint64(n))
			}
			if err := c.write(r.buffer); err != nil {
				return err
			}
		}
		r.written = 0
		written := func() bool { return r.written == each }
		if err := r.loop.runUntil(time.Now().Add(10*time.Second), written); err != nil {
			return err
		}
		if !written() {
			return fmt.Errorf("only %d of %d messages of a conversation were acked", r.written, each)
		}
		r.loop.closeAll()
	}
	return nil
}

func (r *resumeRun) resetReceived(members int) {
	for i := range r.received[:members] {
		r.received[i] = sequence{next: seqBefore + 1}
	}
	r.live = 0
}

// talk lets the pair send for a while.
func (r *resumeRun) runPair(duration time.Duration, phase phase) error {
	r.phase = phase
	for end := time.Now().Add(duration); time.Now().Before(end); {
		if err := r.sendDue(); err != nil {
			return err
		}
		if err := r.loop.poll(1); err != nil {
			return err
		}
	}
	r.phase = unmeasured
	return nil
}

// comeBack lets all members resume, and returns the time until each had its missed messages.
func (r *resumeRun) reconnectAll(members int, phase phase) (time.Duration, error) {
	r.phase = phase
	start, upgraded := time.Now(), r.upgrades
	order := rand.New(rand.NewSource(int64(r.sentCount))).Perm(members)
	for opened := 0; r.live < members; {
		due := min(members, int(float64(members)*float64(time.Since(start))/float64(reconnectSpread)))
		// A few at a time: dialling takes as long as the pair's messages do.
		for n := 0; n < 4 && opened < due && opened-(r.upgrades-upgraded) < maxPendingHandshakes; n++ {
			c, err := dial(r.loop.job, order[opened])
			if err != nil {
				return 0, err
			}
			if err := r.loop.add(c); err != nil {
				return 0, err
			}
			opened++
			if err := r.sendDue(); err != nil {
				return 0, err
			}
		}
		wait := 1
		if opened < members {
			wait = 0
		}
		if err := r.sendDue(); err != nil {
			return 0, err
		}
		if err := r.loop.poll(wait); err != nil {
			return 0, err
		}
		if time.Since(start) > time.Minute {
			return 0, fmt.Errorf("only %d of %d had what they missed within a minute", r.live, members)
		}
	}
	r.phase = unmeasured
	return time.Since(start), nil
}

// attend does the pair's due work. It is called after each read of any connection, so that the load generator's own
// work is not measured as the server's.
func (r *resumeRun) sendDue() error {
	if r.pair[1] == nil {
		return nil
	}
	due := uint64(time.Since(r.start).Seconds() * float64(r.job.Rate))
	for r.sentCount < due {
		r.sentCount++
		r.sentAt = append(r.sentAt, time.Now())
		r.sentPhases = append(r.sentPhases, r.phase)
		if err := r.pair[r.sentCount%2].write(r.template.appendTo(r.buffer[:0], r.sentCount)); err != nil {
			return err
		}
	}
	for _, c := range r.pair {
		if err := r.loop.read(c); err != nil {
			return err
		}
	}
	return nil
}

func (r *resumeRun) upgraded(*conn) error {
	r.upgrades++
	return nil
}

var resumedTrue = []byte(`"resumed":true`)

func (r *resumeRun) frame(c *conn, payload []byte) error {
	switch {
	case bytes.HasPrefix(payload, messageType):
		return r.message(c, payload)
	case bytes.HasPrefix(payload, ackType):
		r.written++
	case bytes.HasPrefix(payload, welcomeType):
		r.ready++
		if r.epoch == "" {
			r.epoch = stringAfter(payload, `"epoch":"`)
		} else if r.pair[1] != nil && !bytes.Contains(payload, resumedTrue) {
			return fmt.Errorf("connection %d was not resumed: %s", c.index, payload)
		}
	case bytes.HasPrefix(payload, errorType):
		return fmt.Errorf("connection %d: %s", c.index, payload)
	}
	return nil
}

func (r *resumeRun) message(c *conn, payload []byte) error {
	n, ok := r.seq.number(payload, 0, len(payload))
	if !ok {
		return fmt.Errorf("connection %d: a message without its number: %s", c.index, payload)
	}
	got := &r.received[c.index]
	if members := len(r.received) - 2; c.index < members {
		if r.pair[1] == nil {
			return nil
		}
		if got.see(n); got.count == uint64(r.job.Missed) {
			r.live++
		}
		return nil
	}
	got.see(n)
	said, ok := r.id.number(payload, len(r.prefix), idDigits)
	if !ok || said == 0 || said > r.sentCount {
		return fmt.Errorf("connection %d: an unknown message: %s", c.index, payload)
	}
	if c != r.pair[said%2] {
		in := r.sentPhases[said-1]
		r.latencies[in].add(time.Since(r.sentAt[said-1]))
	}
	return nil
}

func (r *resumeRun) chunk(c *conn) error {
	if c == r.pair[0] || c == r.pair[1] {
		return nil
	}
	return r.sendDue()
}

// check adds the deviations of one connection, which should have received that many messages.
func (r *resumeRun) check(result *resumeResult, index int, expected uint64) {
	got := &r.received[index]
	if got.count < expected {
		result.Lost += expected - got.count
	}
	result.Doubled += got.doubled
	result.OutOfOrder += got.outOfOrder
}

// closeBelow cuts the connections of the paths below index.
func (l *loop) closeBelow(index int) {
	for fd, c := range l.conns {
		if c.index < index {
			syscall.Close(fd)
			l.byFd[fd] = nil
			delete(l.conns, fd)
		}
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func stringAfter(payload []byte, name string) string {
	_, after, _ := strings.Cut(string(payload), name)
	value, _, _ := strings.Cut(after, `"`)
	return value
}
