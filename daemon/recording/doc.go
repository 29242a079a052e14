// Package recording reads and writes the file that holds one consultation. It is sealed, so that
// only the office can listen, and signed, so that anybody can check it without listening. FORMAT.md
// specifies the file.
//
// The package does I/O only through the interfaces it is given, starts no goroutines, and holds at
// most one member of a file in memory, whatever the file says. Making a recording's key is the
// exception: it takes a child process.
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
//	start, err := s.Begin(acts)            // append to the file and sync; then report that it records
//	second, err := s.Segment(sound, nil)   // append and sync, once for each second
//	end, err := s.End(recording.End{Reason: recording.Withdrawn, Samples: n}, acts)
//
// A Sealer only makes bytes. Whatever has been synced up to a note is a valid recording up to
// there: [Recover] makes a closed file of it after a power cut.
//
// # At a desk
//
//	report, err := recording.Verify(f, size, recording.Options{Units: known})
//	ids, err := recording.ParseIdentities(keyFile, askPassphrase)
//	report, err := recording.Open(f, size, out, recording.Opening{Identities: ids})
//
// Verify reports what a file is ([State]), how much of it is proved, and what is wrong where
// ([Damage]). Open verifies, then decrypts; from a damaged file it saves the segments that open and
// belong to it, with silence for the rest.
//
// # Promises
//
//   - Anybody with the unit's public key can detect any altered, added, dropped, moved or doubled
//     byte.
//   - The private half of a recording's key is never in the process that records, and neither half
//     is ever shown by fmt, slog or encoding/json.
//   - Identities and recipients are native age ones only: no file can make a plugin start.
//   - No input makes it panic, write anywhere but to the given writer, or take more than some tens
//     of megabytes.
//
// The parts: name.go and head.go define the names and the JSON members; tar.go, member.go, tree.go
// and checkpoint.go make the file's bytes; age.go encrypts and decrypts members; seal.go and
// append.go put a file together. scan.go and walk.go read a file strictly, up to the first error;
// verify.go, recover.go and open.go build on them. survey.go and resync.go read on after damage.
// play.go and join.go put the sound together. prove.go checks a part of a recording by itself, and
// index.go takes one out: package clip makes files of that. layout.go answers the spool's and the stores'
// questions about a file's shape. key.go and key_linux.go are the child that makes keys.
package recording
