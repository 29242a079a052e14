package mqtt

import "time"

// timing holds the durations that tests shorten.
type timing struct {
	connect    time.Duration // the most for TCP and TLS together, and again for CONNACK
	answer     time.Duration // the most from a message to its acknowledgement
	keepAlive  time.Duration // the broker drops the client after 1.5 times this without a packet
	retryMin   time.Duration
	retryMax   time.Duration // stays below the heartbeat: see retry
	birthGap   time.Duration // the least between two answers to Home Assistant
	birthWait  time.Duration // the most before an answer, at random: forty units don't answer at once
	refresh    time.Duration // the period in which everything retained is published again
	checkDrops time.Duration // from a connect to the check for messages that the broker drops
	flush      time.Duration // the most to send what waits, at a clean stop
	stop       time.Duration // the most for that and for publishing offline
}

var standardTiming = timing{
	connect:    8 * time.Second,
	answer:     15 * time.Second,
	keepAlive:  45 * time.Second,
	retryMin:   time.Second,
	retryMax:   18 * time.Second,
	birthGap:   10 * time.Second,
	birthWait:  500 * time.Millisecond,
	refresh:    10 * time.Minute,
	checkDrops: 5 * time.Second,
	flush:      2 * time.Second,
	stop:       2700 * time.Millisecond,
}
