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

// Learnt is what was found out about a bucket's server: what it refuses, and is therefore not asked
// for again. The zero value knows nothing. It outlives a connection where a [Kind] names one. Any
// goroutine may use it.
type Learnt struct {
	mu      sync.Mutex
	lacks   map[lack]string // with the server's own words; guarded by mu
	lock    bool            // a lock was taken; guarded by mu
	forgets time.Time       // when it is all tried anew: the server may have been brought up to date; guarded by mu
}

// A lack is something of S3's that a server does not have.
type lack int

const (
	lacksCondition lack = iota
	lacksSum
	lacksList
	lacksParts
)

// means says what follows from a lack.
var means = [...]string{
	lacksCondition: "it takes no condition with an upload (If-None-Match): each name is looked for just before, and compared just after; an object that somebody " +
		"else makes under that name in the moment between is overwritten",
	lacksSum:   "it takes no SHA-256 with an upload (x-amz-checksum-sha256): it is given an MD5 instead",
	lacksList:  "it does not list unfinished uploads: an upload that was interrupted starts anew, and what was sent of it may stay in the bucket",
	lacksParts: "it takes no uploads in parts: a recording goes up as a whole, and from its start after each interruption",
}

// learntFor is how long it is remembered.
const learntFor = 24 * time.Hour

// note remembers a lack, and the answer that showed it.
func (l *Learnt) note(what lack, answer error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start()
	if l.lacks[what] == "" {
		l.lacks[what] = words(answer)
	}
}

// forget takes a lack back.
func (l *Learnt) forget(what lack) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.lacks, what)
}

// has reports whether a lack is known.
func (l *Learnt) has(what lack) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	return l.lacks[what] != ""
}

// locked notes that the bucket takes a lock, and locks reports whether that is known.
func (l *Learnt) locked() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start()
	l.lock = true
}

func (l *Learnt) locks() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expire()
	return l.lock
}

// start and expire are called with mu held.
func (l *Learnt) start() {
	if l.lacks == nil {
		l.lacks, l.forgets = map[lack]string{}, time.Now().Add(learntFor)
	}
}

func (l *Learnt) expire() {
	if l.lacks != nil && time.Now().After(l.forgets) {
		l.lacks, l.lock = nil, false
	}
}

// limits says what is known, for a person.
func (l *Learnt) limits() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for what, follows := range means {
		if said := l.lacks[lack(what)]; said != "" {
			all = append(all, fmt.Sprintf("the S3 server lacks something: %s (it said %q)", follows, said))
		}
	}
	return all
}

// words is what a server said, in short.
func words(err error) string {
	answer, ok := answered(err)
	if !ok {
		return err.Error()
	}
	const most = 200
	said := answer.Message
	if len(said) > most {
		said = strings.ToValidUTF8(said[:most], "") + "…"
	}
	return fmt.Sprintf("%d %s: %s", answer.StatusCode, answer.Code, said)
}

// A manner is what goes with an upload beside its bytes. The zero value is all that there is.
type manner struct {
	noSum       bool // no SHA-256, but an MD5
	noCondition bool // nothing that keeps it from taking another object's place
}

// manners are the manners to try, the best first: those without what the server is known to lack.
func (l *Learnt) manners() (all []manner) {
	for _, m := range []manner{{}, {noSum: true}, {noCondition: true}, {noSum: true, noCondition: true}} {
		if (m.noSum || !l.has(lacksSum)) && (m.noCondition || !l.has(lacksCondition)) {
			all = append(all, m)
		}
	}
	return all
}

// learn notes what a manner that was taken leaves out, after another was refused.
func (l *Learnt) learn(taken manner, refusal error) {
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

// unheeded are the codes of answers that are about the bytes or the place, and not about what goes
// with an upload.
var unheeded = []string{
	"BadDigest", "IncompleteBody", "EntityTooLarge", "EntityTooSmall", "RequestTimeout", "RequestTimeTooSkewed",
	"InvalidPart", "InvalidPartOrder",
	"NoSuchUpload", "NoSuchBucket", "NoSuchKey", "InvalidBucketName", "KeyTooLongError", "AuthorizationHeaderMalformed",
	"InvalidRegion", "IllegalLocationConstraintException",
	"XAmzContentSHA256Mismatch", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
}

// refuses tells an answer of a server that does not know a request, or something that goes with it.
func refuses(err error) bool {
	answer, ok := answered(err)
	if !ok || slices.Contains(unheeded, answer.Code) || slices.Contains(full, answer.Code) ||
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
