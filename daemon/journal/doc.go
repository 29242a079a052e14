// Package journal keeps the log from holding up whoever logs. A [Handler] stands in front of
// another slog.Handler:
//
//	j := journal.New(slog.NewTextHandler(os.Stderr, nil))
//	defer j.Flush(journal.Patience)
//	log := slog.New(j)
//
// # Nobody waits
//
// Handle puts the line into a queue and returns. One goroutine at a time writes, and ends when
// there is nothing to write, so there is nothing to close. The queue holds 1,000 lines and 256 KiB.
// When it is full, a line is dropped and counted; in its place, as soon as there is room, stands
// one line that says how many were lost. A line of more than 8 KiB is dropped in the same way.
//
// A line says what was so when it was logged: values are resolved, and whatever is no plain value
// is made text, before Handle returns. A text of more than 2 KiB is cut.
//
// # Nothing repeats without end
//
// A message that comes more than 5 times in a minute is counted from then on, and at the end of its
// minute one line says "… 16 more of these in the last minute", with the attributes of the last
// one. Two lines are the same message when their level and text are, and what they are about: the
// attributes code, store, recording, file, device and problem. So a warning that changes is a new
// message. Sixty lines a minute of one level and text is the limit whatever they are about. At most
// 256 messages are told apart in a minute; what is beyond shares one limit. The last line of each
// is kept to the end of its minute: 4 MiB at the very worst.
//
// # The end
//
// Flush waits until all is written, but no longer than it is told: a reader that has stopped
// reading must not keep a process alive. It also says what was only counted so far. A process that
// dies of a panic or a signal loses what is queued; where the reader keeps up that is nothing, or
// the last line.
package journal
