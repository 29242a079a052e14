// Package send delivers messages: by mail and by webhook.
//
//	mail, err := send.NewMail(send.MailOptions{…})
//	err = mail.Send(ctx, message)
//
// Promises:
//
//   - Nothing leaves in clear text, except to this computer itself.
//   - A server's answer is bounded in size and time, whatever it sends. Redirects are not followed.
//   - A message that is sent twice has the same ID twice.
//   - An error says what to do, and repeats no password and no secret address.
package send

import (
	"context"
	"errors"
	"time"

	"tacet/cmd/internal/dashboard/notice"
)

// Sender delivers messages to one recipient.
type Sender interface {
	// Send returns when the recipient's server has taken the message. An error that wraps ErrRefused
	// is about this message: the next one may pass.
	Send(ctx context.Context, m notice.Message) error
}

// ErrRefused is wrapped by errors about a message that the server will never take.
var ErrRefused = errors.New("refused for good")

// Timeout bounds each Send.
const Timeout = 30 * time.Second

// maxAnswer is the most bytes that are read of a server's answers to one message.
const maxAnswer = 256 << 10

// advised is an error with what to do about it.
type advised struct {
	error
	advice string
}

func (a advised) Unwrap() error { return a.error }

// Hint returns what to do.
func (a advised) Hint() string { return a.advice }

// Advice returns what to do about an error, or nothing.
func Advice(err error) string {
	var a advised
	if errors.As(err, &a) {
		return a.advice
	}
	return ""
}
