// Does Go's checksum database code believe our log? It reads what `musubi log export` wrote, with
// golang.org/x/mod/sumdb/note and golang.org/x/mod/sumdb/tlog, and nothing of ours:
//
//	peer FOLDER VKEY OLD-CHECKPOINT RECEIPT...
//
// The checkpoint's signature; the root from the tiles; every entry against its leaf hash; each receipt, and that Go makes
// the same proof; that the log continues the older checkpoint. Exit 1 with the reason when one of them fails.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// folder is a log as static files. C2SP names tiles as Go does, but for the height, which is always 8.
type folder string

func (f folder) Height() int                          { return 8 }
func (f folder) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		bytes, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return nil, err
		}
		all = append(all, bytes)
	}
	return all, nil
}

type head struct {
	size int64
	root tlog.Hash
}

func main() {
	if len(os.Args) < 5 {
		fail("usage: peer FOLDER VKEY OLD-CHECKPOINT RECEIPT...", nil)
	}
	key, err := note.NewVerifier(os.Args[2])
	fail("key", err)
	log := folder(os.Args[1])
	text, err := os.ReadFile(filepath.Join(string(log), "checkpoint"))
	fail("checkpoint", err)
	now := open(text, key)
	text, err = os.ReadFile(os.Args[3])
	fail("older checkpoint", err)
	old := open(text, key)

	reader := tlog.TileHashReader(tlog.Tree{N: now.size, Hash: now.root}, log)
	root, err := tlog.TreeHash(now.size, reader)
	fail("root from tiles", err)
	same("root from tiles", root == now.root)

	leaves := int64(0)
	for number := int64(0); number*256 < now.size; number++ {
		width := now.size - number*256
		partial := ""
		if width < 256 {
			partial = fmt.Sprintf(".p/%d", width)
		} else {
			width = 256
		}
		tile := tlog.Tile{H: 8, L: 0, N: number, W: int(width)}
		hashes, err := log.ReadTiles([]tlog.Tile{tile})
		fail("tile", err)
		name := strings.TrimSuffix(strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1), partial) + partial
		bundle, err := os.ReadFile(filepath.Join(string(log), name))
		fail("bundle", err)
		for at := int64(0); at < width; at++ {
			same("length of an entry", len(bundle) >= 2)
			length := int(binary.BigEndian.Uint16(bundle))
			same("end of an entry", len(bundle) >= 2+length)
			hash := tlog.RecordHash(bundle[2 : 2+length])
			same("hash of an entry", bytes.Equal(hash[:], hashes[0][32*at:32*at+32]))
			bundle = bundle[2+length:]
			leaves++
		}
		same("end of a bundle", len(bundle) == 0)
	}
	same("number of entries", leaves == now.size)

	if old.size > 0 {
		proof, err := tlog.ProveTree(now.size, old.size, reader)
		fail("proof of consistency", err)
		fail("consistency", tlog.CheckTree(proof, now.size, now.root, old.size, old.root))
	}
	for _, name := range os.Args[4:] {
		receipt(name, key, log)
	}
	fmt.Printf("ok: %d entries, continued from %d, %d receipts\n", now.size, old.size, len(os.Args)-4)
}

// receipt checks a C2SP tlog-proof whose extra data is the statement of a release.
func receipt(name string, key note.Verifier, log folder) {
	text, err := os.ReadFile(name)
	fail(name, err)
	above, below, found := strings.Cut(string(text), "\n\n")
	same(name+": an empty line", found)
	of := open([]byte(below), key)
	lines := strings.Split(above, "\n")
	same(name+": first lines", len(lines) >= 3 && lines[0] == "c2sp.org/tlog-proof@v1")
	extra, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	fail(name+": extra", err)
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	fail(name+": index", err)
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		fail(name+": proof", err)
		proof = append(proof, hash)
	}
	statement := sha256.Sum256(extra)
	leaf := tlog.RecordHash(append([]byte{1}, statement[:]...))
	fail(name+": inclusion", tlog.CheckRecord(proof, of.size, of.root, index, leaf))
	if tlog.CheckRecord(proof, of.size, of.root, (index+1)%of.size, leaf) == nil && of.size > 1 {
		same(name+": a wrong index is refused", false)
	}
	own, err := tlog.ProveRecord(of.size, index, tlog.TileHashReader(tlog.Tree{N: of.size, Hash: of.root}, log))
	fail(name+": own proof", err)
	same(name+": Go's own proof", fmt.Sprint(own) == fmt.Sprint(proof))
}

// open checks the signature of a checkpoint and reads it.
func open(text []byte, key note.Verifier) head {
	opened, err := note.Open(text, note.VerifierList(key))
	fail("signature", err)
	lines := strings.Split(opened.Text, "\n")
	same("origin", lines[0] == key.Name())
	size, err := strconv.ParseInt(lines[1], 10, 64)
	fail("size", err)
	root, err := tlog.ParseHash(lines[2])
	fail("root", err)
	return head{size, root}
}

func fail(what string, err error) {
	if err != nil || strings.HasPrefix(what, "usage") {
		fmt.Fprintln(os.Stderr, what, err)
		os.Exit(1)
	}
}

func same(what string, holds bool) {
	if !holds {
		fmt.Fprintln(os.Stderr, what, "is wrong")
		os.Exit(1)
	}
}
