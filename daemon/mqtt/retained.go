package mqtt

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// quietTime is how long Retained waits for one more message. A broker sends what it retains right
// after it has accepted the subscription, and says nothing when it has no more.
const quietTime = 2 * time.Second

// Retained returns what the broker of the options retains on topics; those without a message are
// missing. It is for the office: it publishes nothing, and has a client identifier of its own. Of
// the options it uses only Broker, Username and Credentials. Its errors wrap a *Trouble, or name
// the topic that may not be read.
func Retained(ctx context.Context, o Options, topics []string) (map[string][]byte, error) {
	b, err := newBroker(o)
	if err != nil {
		return nil, err
	}
	if b, err = b.withCredentials(ctx, o.Credentials); err != nil {
		return nil, err
	}
	l, err := open(ctx, b, identity{clientID: "tacet-office-" + rand.Text()[:10], subscribe: topics}, standardTiming)
	if err != nil {
		return nil, diagnose(stageConnect, err)
	}
	defer l.disconnect()
	// The wire passes on messages on these topics alone. Each may come once more, by a unit that
	// publishes just now.
	messages := make(chan mqtt.Message, 2*len(topics))
	for _, name := range topics {
		err := l.subscribe(ctx, name, func(_ mqtt.Client, m mqtt.Message) {
			select {
			case messages <- m:
			default:
			}
		})
		if errors.Is(err, errNotAllowed) {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if err != nil {
			return nil, diagnose(stageSession, err)
		}
	}
	return collect(ctx, l, messages, len(topics))
}

// collect takes messages until there is one on each topic, or no more come.
func collect(ctx context.Context, l *link, messages <-chan mqtt.Message, topics int) (map[string][]byte, error) {
	found := map[string][]byte{}
	quiet := time.NewTimer(quietTime)
	defer quiet.Stop()
	for len(found) < topics {
		select {
		case m := <-messages:
			if _, known := found[m.Topic()]; !known {
				quiet.Reset(quietTime)
			}
			found[m.Topic()] = m.Payload()
		case <-quiet.C:
			return found, nil
		case <-l.wire.dead:
			return nil, diagnose(stageSession, l.end())
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return found, nil
}
