package main

import (
	"fmt"
	"syscall"
	"time"
)

// receiver handles the frames of a scenario.
type receiver interface {
	// upgraded is called once per connection, before its first frame.
	upgraded(c *conn) error
	// frame is called for each text frame; payload is valid during the call.
	frame(c *conn, payload []byte) error
	// chunk is called after the frames of one read, the place to reply to them with one write.
	chunk(c *conn) error
}

// loop reads every connection on one thread.
type loop struct {
	job      job
	receiver receiver
	epoll    int
	events   [512]syscall.EpollEvent
	conns    map[int]*conn
	// byFd is conns again as a table, for the hot path.
	byFd   []*conn
	buffer []byte
	// readAt is when the present read returned, kept where latencies are measured.
	readAt time.Time
	// frames and bytes of WebSocket received so far, with the heads of the frames.
	frames, bytes uint64
}

const bufferBytes = 256 << 10

func newLoop(j job, r receiver) (*loop, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &loop{job: j, receiver: r, epoll: epoll, conns: map[int]*conn{}, buffer: make([]byte, bufferBytes)}, nil
}

// maxOpening bounds the handshakes under way, well below a server's backlog of 511.
const maxOpening = 64

// open makes the connections first to last−1 and waits until ready, which counts those that may speak, has grown by all of them.
func (l *loop) open(first, last int, ready func() int) error {
	deadline := time.Now().Add(60 * time.Second)
	start := ready()
	for opened := 0; ready()-start < last-first; {
		for ; opened < last-first && opened-(ready()-start) < maxOpening; opened++ {
			c, err := dial(l.job, first+opened)
			if err != nil {
				return err
			}
			if err := l.add(c); err != nil {
				return err
			}
		}
		if err := l.poll(100); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return &lateError{ready() - start, last - first}
		}
	}
	return nil
}

// lateError says that a minute was not enough.
type lateError struct{ ready, wanted int }

func (e *lateError) Error() string {
	return fmt.Sprintf("only %d of %d connections were let in within a minute", e.ready, e.wanted)
}

func (l *loop) add(c *conn) error {
	for len(l.byFd) <= c.fd {
		l.byFd = append(l.byFd, nil)
	}
	l.byFd[c.fd], l.conns[c.fd] = c, c
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.fd)}
	if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, c.fd, &event); err != nil {
		return err
	}
	return l.watch(c)
}

// closeAll cuts every connection.
func (l *loop) closeAll() {
	for fd := range l.conns {
		syscall.Close(fd)
		l.byFd[fd] = nil
	}
	l.conns = map[int]*conn{}
}

// runUntil runs the loop until the time has come, or done returns true.
func (l *loop) runUntil(end time.Time, done func() bool) error {
	for !done() {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if err := l.poll(int(left/time.Millisecond) + 1); err != nil {
			return err
		}
	}
	return nil
}

// turn waits up to milliseconds for data and reads each ready connection once.
func (l *loop) poll(milliseconds int) error {
	n, err := syscall.EpollWait(l.epoll, l.events[:], milliseconds)
	if err == syscall.EINTR {
		return nil
	}
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	for i := 0; i < n; i++ {
		event := &l.events[i]
		c := l.byFd[event.Fd]
		if len(c.unsent) > 0 {
			if err := c.flush(); err != nil {
				return err
			}
		}
		if event.Events&^syscall.EPOLLOUT != 0 {
			if err := l.read(c); err != nil {
				return err
			}
		}
		if err := l.watch(c); err != nil {
			return err
		}
	}
	return nil
}

// watch requests an event when c becomes writable, while data waits for that. Call it after writing outside a turn.
func (l *loop) watch(c *conn) error {
	if c.watched == (len(c.unsent) > 0) {
		return nil
	}
	c.watched = !c.watched
	events := uint32(syscall.EPOLLIN)
	if c.watched {
		events |= syscall.EPOLLOUT
	}
	return syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_MOD, c.fd, &syscall.EpollEvent{Events: events, Fd: int32(c.fd)})
}

// read takes the data of one connection and passes its frames on.
func (l *loop) read(c *conn) error {
	kept := copy(l.buffer, c.rest)
	if kept == len(l.buffer) {
		return fmt.Errorf("connection %d: a frame of over %d bytes", c.index, len(l.buffer))
	}
	n, err := rawRead(c.fd, l.buffer[kept:])
	if err == syscall.EAGAIN {
		return nil
	}
	if err != 0 {
		return fmt.Errorf("connection %d: read: %w", c.index, err)
	}
	if n == 0 {
		return fmt.Errorf("connection %d: the server cut the line", c.index)
	}
	if l.job.Rate > 0 {
		l.readAt = time.Now()
	}
	data := l.buffer[:kept+n]
	if c.onResponse != nil {
		rest, err := c.onResponse(c, data)
		c.rest = append(c.rest[:0], rest...)
		return err
	}
	if !c.upgraded {
		rest, ok, err := parseHandshake(data)
		if err != nil {
			return fmt.Errorf("connection %d: %w", c.index, err)
		}
		if ok {
			c.upgraded = true
			if err := l.receiver.upgraded(c); err != nil {
				return err
			}
		}
		data = rest
	}
	for c.upgraded {
		opcode, payload, rest, ok := nextFrame(data)
		if !ok {
			break
		}
		l.frames++
		l.bytes += uint64(len(data) - len(rest))
		data = rest
		if opcode == finText {
			if err := l.receiver.frame(c, payload); err != nil {
				return err
			}
		} else if err := control(c, opcode, payload); err != nil {
			return err
		}
	}
	c.rest = append(c.rest[:0], data...)
	return l.receiver.chunk(c)
}

// control replies to a ping, without which the server would close the connection, and makes a close an error.
func control(c *conn, opcode byte, payload []byte) error {
	switch opcode {
	case finPing:
		return c.write(maskedFrame(finPong, payload))
	case finPong:
		return nil
	case finClose:
		closed := &closedError{connection: c.index}
		if len(payload) >= 2 {
			closed.code, closed.reason = int(payload[0])<<8|int(payload[1]), string(payload[2:])
		}
		return closed
	}
	return fmt.Errorf("connection %d: unexpected opcode 0x%x", c.index, opcode)
}

// closedError is a close frame of the server; code is 0 where there was none in it.
type closedError struct {
	connection, code int
	reason           string
}

func (e *closedError) Error() string {
	return fmt.Sprintf("connection %d: closed by the server with %d %s", e.connection, e.code, e.reason)
}
