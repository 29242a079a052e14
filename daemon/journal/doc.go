// Package journal prevents a blocked log from delaying the program. A [Handler] wraps another
// slog.Handler:
//
//	j := journal.New(slog.NewTextHandler(os.Stderr, nil))
//	defer j.Flush(journal.Patience)
//	log := slog.New(j)
//
// # Logging never blocks
//
// Handle queues the line and returns. One goroutine at a time writes, and ends when the queue is
// empty, so there is nothing to close. The queue holds 1,000 lines and 256 KiB. When it is full,
// lines are dropped and counted; as soon as there is room, one line reports how many were lost. A
// line of more than 8 KiB is dropped in the same way.
//
// A line has the values of the time at which it was logged: before Handle returns, values are
// resolved, and all but plain values become text. A text of more than 2 KiB is cut.
//
// # Repetition is limited
//
// From the sixth time in a minute on, a message is only counted, and at the end of its minute one
// line says "… 16 more of these in the last minute", with the attributes of the last one. Two lines
// are the same message if they have the same level, text and subject: the attributes code, store,
// recording, file, device and problem. So a warning that changes is a new message. The limit for
// one level and text, with any subject, is 60 lines per minute. At most 256 messages are
// distinguished per minute; all others share one limit. The last line of each is kept until the end
// of its minute, which takes at most 4 MiB.
//
// # Flush
//
// Flush waits until everything is written, but no longer than its limit: a reader that has stopped
// reading must not keep a process alive. It also reports the suppressed lines. A process that dies
// of a panic or a signal loses what is queued, which is nothing or the last line if the reader
// keeps up.
package journal
