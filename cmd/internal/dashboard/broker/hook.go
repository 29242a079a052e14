package broker

import (
	"bytes"
	"cmp"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"tacet/daemon/topic"
)

const (
	// maxKeepAlive is the longest time between two packets of a client, in seconds.
	maxKeepAlive = 300
	// failedPause slows down whoever guesses passwords.
	failedPause = time.Second
	// maxClientID and maxFilters bound what one client makes us remember.
	maxClientID = 128
	maxFilters  = 64
	// perAccount is how many connections an account of the office may have.
	perAccount = 16
)

// hook says who may do what, and passes on what was done.
type hook struct {
	mqtt.HookBase
	b *Broker

	mu    sync.Mutex
	users map[net.Conn]*session // guarded by mu
	count map[string]int        // guarded by mu; connections by account
}

// session is one connection of an account.
type session struct {
	user    *account
	allowed *pace
}

func newHook(b *Broker) *hook {
	return &hook{b: b, users: map[net.Conn]*session{}, count: map[string]int{}}
}

// ID names the hook.
func (*hook) ID() string { return "tacet" }

// Provides reports which of its methods are used.
func (*hook) Provides(what byte) bool {
	return bytes.IndexByte([]byte{mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish,
		mqtt.OnPacketRead, mqtt.OnSubscribe, mqtt.OnWillSent}, what) >= 0
}

var errRefused = errors.New("refused")

// OnConnect gives the session a name that belongs to the account, and limits how long a client may be
// silent.
func (h *hook) OnConnect(cl *mqtt.Client, _ packets.Packet) error {
	introduced(cl.Net.Conn)
	if len(cl.ID) > maxClientID {
		return errRefused
	}
	cl.ID = string(cl.Properties.Username) + "/" + cl.ID
	if cl.State.Keepalive == 0 || cl.State.Keepalive > maxKeepAlive {
		cl.State.Keepalive, cl.State.ServerKeepalive = maxKeepAlive, true
	}
	return nil
}

// OnConnectAuthenticate admits whoever knows an account's password.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	user := h.b.accounts.account(string(cl.Properties.Username))
	if user == nil || !user.is(pk.Connect.Password) || !h.fits(user, cl, pk) || !h.enter(cl, user) {
		wait := time.NewTimer(failedPause)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-h.b.ending:
		}
		return false
	}
	return true
}

// fits reports whether a client's last will and its name are its account's. The library checks
// neither.
func (h *hook) fits(user *account, cl *mqtt.Client, pk packets.Packet) bool {
	if pk.Connect.WillFlag && (!user.may(pk.Connect.WillTopic, true) || len(pk.Connect.WillPayload) > maxWill ||
		strings.ContainsAny(pk.Connect.WillTopic, "+#")) {
		return false
	}
	if !user.isRoom {
		return true
	}
	cl.Properties.Clean = true // a unit's session holds nothing
	id := pk.Connect.ClientIdentifier
	return id == user.room.ClientID() || id == user.room.ClientID()+"-probe"
}

// enter counts a connection of an account.
func (h *hook) enter(cl *mqtt.Client, user *account) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count[user.name] >= perAccount {
		return false
	}
	h.count[user.name]++
	h.users[cl.Net.Conn] = &session{user: user, allowed: newPace(time.Now())}
	return true
}

// gone forgets a connection.
func (h *hook) gone(conn net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.users[conn]; s != nil {
		delete(h.users, conn)
		if h.count[s.user.name]--; h.count[s.user.name] == 0 {
			delete(h.count, s.user.name)
		}
	}
}

func (h *hook) session(cl *mqtt.Client) *session {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.users[cl.Net.Conn]
}

// OnACLCheck asks the account's rights. Rights that were taken away hold at once.
func (h *hook) OnACLCheck(cl *mqtt.Client, filter string, write bool) bool {
	user := h.b.accounts.account(string(cl.Properties.Username))
	return user != nil && user.may(filter, write)
}

// OnPacketRead slows down a client that sends too much: nothing more is read of it meanwhile.
func (h *hook) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	s := h.session(cl)
	if s == nil { // CONNECT
		return pk, nil
	}
	if wait := s.allowed.wait(time.Now()); wait > 0 {
		late := time.NewTimer(wait)
		defer late.Stop()
		select {
		case <-late.C:
		case <-h.b.ending:
			return pk, errRefused
		}
	}
	return pk, nil
}

// OnSubscribe drops the filters of a client that has too many.
func (h *hook) OnSubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	if len(pk.Filters) > maxFilters || cl.State.Subscriptions.Len()+len(pk.Filters) > 2*maxFilters {
		for i := range pk.Filters {
			pk.Filters[i].Filter = "" // which is refused
		}
	}
	return pk
}

// OnPublish passes a unit's message on before it is acknowledged. A topic that is not in the contract
// is acknowledged and dropped: a newer unit may have more of them.
func (h *hook) OnPublish(_ *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	site, room, below, ok := topic.Split(pk.TopicName)
	if !ok {
		return pk, h.other(&pk)
	}
	names := topic.Names{Site: site, Room: room}
	if !h.welcome(names, below, &pk) {
		return pk, packets.CodeSuccessIgnore
	}
	return pk, h.b.pass(pk.TopicName, pk.Payload, below == "event")
}

// OnWillSent passes on that a unit has gone.
func (h *hook) OnWillSent(_ *mqtt.Client, pk packets.Packet) {
	_ = h.b.pass(pk.TopicName, pk.Payload, false) // it fails at the end only
}

// other is a message outside of the rooms' topics: Home Assistant's start, or a unit's description
// for it.
func (h *hook) other(pk *packets.Packet) error {
	kept := h.b.server.Topics.Retained
	if !pk.FixedHeader.Retain {
		return nil
	}
	if _, known := kept.Get(pk.TopicName); !known && kept.Len() >= h.maxRetained() {
		return packets.CodeSuccessIgnore
	}
	if old, known := kept.Get(pk.TopicName); known && bytes.Equal(old.Payload, pk.Payload) || h.b.memory == nil {
		return nil
	}
	if err := h.b.memory.Keep(pk.TopicName, bytes.Clone(pk.Payload)); err != nil {
		h.b.log.Error("a description for Home Assistant is not kept", "topic", pk.TopicName, "err", err)
	}
	return nil
}

func (h *hook) maxRetained() int { return cmp.Or(h.b.accounts.rooms(), 1) * perRoom }
