package broker

import (
	"regexp"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"tacet/daemon/topic"
)

const (
	maxWill  = 64 // bytes
	maxAlert = 2 << 10
	maxState = 16 << 10
	// maxAlerts is how many alerts of a room may be up at once.
	maxAlerts = 64
	// perRoom is about how many topics of a room are retained at most.
	perRoom = maxAlerts + 16

	// A client may send burst packets at once, and perSecond on average. A unit's greeting has about
	// sixty messages.
	burst     = 400
	perSecond = 50
)

var alertName = regexp.MustCompile(`^alert/[a-z0-9_-]{1,64}$`)

// welcome reports whether a message on a room's topic is one that the contract has, and has room. It
// takes the mark away from what is not to be retained.
func (h *hook) welcome(names topic.Names, below string, pk *packets.Packet) bool {
	n := len(pk.Payload)
	switch {
	case below == "availability":
		return n <= maxWill
	case below == "state", below == "ledger":
		return n <= maxState
	case below == "heartbeat", below == "event":
		pk.FixedHeader.Retain = false
		return n <= maxState
	case below == "forget": // the word of package forget, which comes after what is retained
		pk.FixedHeader.Retain = false
		return n <= maxWill
	case alertName.MatchString(below):
		return n <= maxAlert && (n == 0 || h.roomForAlert(names, pk))
	}
	return false
}

// roomForAlert reports whether one more alert of a room may be retained.
func (h *hook) roomForAlert(names topic.Names, pk *packets.Packet) bool {
	if _, known := h.b.server.Topics.Retained.Get(pk.TopicName); known {
		return true
	}
	return len(h.b.server.Topics.Messages(names.Alert("+"))) < maxAlerts
}

// pace is a token bucket.
type pace struct {
	mu     sync.Mutex
	tokens float64   // guarded by mu
	at     time.Time // guarded by mu
}

func newPace(now time.Time) *pace { return &pace{tokens: burst, at: now} }

// wait takes a token, and returns how long to wait for it.
func (p *pace) wait(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens = min(p.tokens+now.Sub(p.at).Seconds()*perSecond, burst) - 1
	p.at = now
	if p.tokens >= 0 {
		return 0
	}
	return time.Duration(-p.tokens / perSecond * float64(time.Second))
}
