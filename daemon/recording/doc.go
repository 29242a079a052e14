// Package recording is the file that a consultation is kept in: sealed, so that only the office can
// listen, and signed, so that anybody can check it without listening. FORMAT.md describes the file;
// this package writes and reads it.
//
// It does no I/O but through the interfaces that it is given, starts no goroutines, and holds a
// member of the file in memory at most, whatever the file says. One thing is special: making a
// recording's key takes a child process.
//
// # On the unit
//
//	func main() {
//		recording.ChildMain() // first: this process may be the child that makes a key
//		…
//	}
//
//	key, err := recording.NewKey(ctx, recipients, recording.Origin(site, room, id))
//	s, err := recording.NewSealer(head, key, unit)
//	begin, err := s.Begin(acts)            // append to the file and sync; then say that it records
//	second, err := s.Segment(sound, nil)   // append and sync, once for each second
//	end, err := s.End(recording.End{Reason: recording.Withdrawn, Samples: n}, acts)
//
// A Sealer only makes bytes. Whatever has been synced up to some note is a valid recording up to
// there: [Recover] makes a closed file of it after a power cut.
//
// # At a desk
//
//	report, err := recording.Verify(f, size, recording.Options{Units: known})
//	ids, err := recording.ParseIdentities(keyFile, askPassphrase)
//	report, err := recording.Open(f, size, out, recording.Opening{Identities: ids})
//
// Verify says what a file is ([State]), what of it is proved, and what is wrong where ([Damage]).
// Open verifies, then decrypts; of a damaged file it saves what opens and belongs, with silence for
// the rest.
//
// # Promises
//
//   - Any altered, added, dropped, moved or doubled byte is found by whoever has the unit's public key.
//   - The private half of a recording's key is never in the process that records, and neither half is ever shown by fmt,
//     slog or encoding/json.
//   - Identities and recipients are native age ones only: no file can make a plugin start.
//   - No input makes it panic, write elsewhere than to the given writer, or take more than some tens of megabytes.
//
// The parts: name.go and head.go say what things are called and what the JSON members hold; tar.go,
// member.go, tree.go and checkpoint.go make the file's bytes; seal.go and append.go put them
// together. scan.go and walk.go read a file strictly, up to the first thing that is wrong;
// verify.go, recover.go and open.go are built on that. survey.go and resync.go read on behind
// damage. key.go and key_linux.go are the child.
package recording
