//go:build unix

package s3

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Quirks is what a bucket's server was found to refuse, and is not asked for again. The zero value
// knows nothing. A [Kind] can keep it for its next connection. Any goroutine may use it.
type Quirks struct {
	mu      sync.Mutex
	lacks   map[lack]string // with the server's own words; guarded by mu
	lock    bool            // whether a lock was accepted; guarded by mu
	expires time.Time       // when all is tried again, as the server may have been updated; guarded by mu
}

// A lack is a feature of S3 that a server doesn't have.
type lack int

const (
	lacksCondition lack = iota
	lacksSum
	lacksList
	lacksParts
)

// consequences says what follows from a lack.
var consequences = [...]string{
	lacksCondition: "it accepts no condition with an upload (If-None-Match): each name is checked just before, and " +
		"compared just after; an object that somebody " +
		"else makes under that name in between is overwritten",
	lacksSum: "it accepts no SHA-256 with an upload (x-amz-checksum-sha256): it gets an MD5 instead",
	lacksList: "it doesn't list unfinished uploads: an interrupted upload starts again, and what was sent of it may " +
		"stay in the bucket",
	lacksParts: "it has no multipart uploads: a recording is sent whole, and from its start after each interruption",
}

// rememberFor is how long a lack is remembered.
const rememberFor = 24 * time.Hour

// note records a lack, and the answer that showed it.
func (l *Quirks) note(what lack, answer error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start()
	if l.lacks[what] == "" {
		l.lacks[what] = words(answer)
	}
}

// forget removes a lack.
func (l *Quirks) forget(what lack) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.lacks, what)
}

// has reports whether a lack is known.
func (l *Quirks) has(what lack) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	return l.lacks[what] != ""
}

// locked records that the bucket accepts a lock; locks reports whether that is known.
func (l *Quirks) locked() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start()
	l.lock = true
}

func (l *Quirks) locks() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	return l.lock
}

// start and expire need mu to be held.
func (l *Quirks) start() {
	if l.lacks == nil {
		l.lacks, l.expires = map[lack]string{}, time.Now().Add(rememberFor)
	}
}

func (l *Quirks) expire() {
	if l.lacks != nil && time.Now().After(l.expires) {
		l.lacks, l.lock = nil, false
	}
}

// limits describes the lacks for a person.
func (l *Quirks) limits() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for what, follows := range consequences {
		if message := l.lacks[lack(what)]; message != "" {
			all = append(all, fmt.Sprintf("the S3 server lacks something: %s (it said %q)", follows, message))
		}
	}
	return all
}

// words returns the text of a server's error, shortened.
func words(err error) string {
	answer, ok := answered(err)
	if !ok {
		return err.Error()
	}
	const most = 200
	message := answer.Message
	if len(message) > most {
		message = strings.ToValidUTF8(message[:most], "") + "…"
	}
	return fmt.Sprintf("%d %s: %s", answer.StatusCode, answer.Code, message)
}

// A manner is what is sent with an upload besides its bytes. The zero value is everything.
type manner struct {
	noSum       bool // an MD5 instead of a SHA-256
	noCondition bool // no condition that the name must not exist
}

// manners returns the manners to try, best first, without what the server is known to lack.
func (l *Quirks) manners() (all []manner) {
	for _, m := range []manner{{}, {noSum: true}, {noCondition: true}, {noSum: true, noCondition: true}} {
		if (m.noSum || !l.has(lacksSum)) && (m.noCondition || !l.has(lacksCondition)) {
			all = append(all, m)
		}
	}
	return all
}

// learn records what an accepted manner leaves out, after another was refused.
func (l *Quirks) learn(taken manner, refusal error) {
	if refusal == nil {
		return
	}
	if taken.noSum {
		l.note(lacksSum, refusal)
	}
	if taken.noCondition {
		l.note(lacksCondition, refusal)
	}
}

// notRefusals are the codes of answers about the bytes or the store, rather than about what is sent
// with an upload.
var notRefusals = []string{
	"BadDigest", "IncompleteBody", "EntityTooLarge", "EntityTooSmall", "RequestTimeout", "RequestTimeTooSkewed",
	"InvalidPart", "InvalidPartOrder",
	"NoSuchUpload", "NoSuchBucket", "NoSuchKey", "InvalidBucketName", "KeyTooLongError", "AuthorizationHeaderMalformed",
	"InvalidRegion", "IllegalLocationConstraintException",
	"XAmzContentSHA256Mismatch", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
}

// refuses reports whether an error means that the server doesn't know a request, or something sent
// with it.
func refuses(err error) bool {
	answer, ok := answered(err)
	if !ok || slices.Contains(notRefusals, answer.Code) || slices.Contains(full, answer.Code) ||
		slices.Contains(denied, answer.Code) {
		return false
	}
	switch answer.StatusCode {
	case http.StatusNotImplemented, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType,
		http.StatusExpectationFailed:
		return true
	}
	return answer.Code == "NotImplemented" || answer.Code == "MethodNotAllowed"
}
