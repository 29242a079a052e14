// Package visit makes and checks the copy that a patient takes home: files that play anywhere, with
// the very packets of the recording, and a proof that they are. COPY.md specifies them.
//
//	copy, err := visit.Prepare(index, part)
//	for _, f := range copy.Files() {
//		err := f.Write(w) // to a file of the name f.Name
//	}
//
//	proof, err := visit.ReadProof(f, size)
//	err := proof.Check("visit.m4a", f, size)
//
// Nothing is encoded again. A checker takes the packets out of a file, builds the recording's
// segments of them, seals them under the keys in the proof, and so comes to the bytes whose hashes
// the unit signed. Then it makes the file anew and compares it.
//
// prepare.go reads the recording, proof.go is the proof's file, sound.go makes the files that play,
// and check.go checks them.
package visit
