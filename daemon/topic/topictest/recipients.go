package topictest

// Recipients are public keys. A unit with exactly these, and every program at a desk that is asked
// for their hash, must show RecipientsHash.
var Recipients = []string{
	"age12tltudy6rkc49qejgpvsfqytf5txjs68vmu0t52wde6kamljk4ws6qfzhs",
	"age1rjqwrxmg6ztgaud3hk4sm7lnr9hqcq38p48yr2cg4hqkzlsevqvq3qdfrk",
}

// RecipientsHash was computed outside of Tacet, as the documents say: the first 128 bits of SHA-256
// over the keys' fingerprints.
const RecipientsHash = "d7b121acffdd123fc253e6a5677d681e"
