package history

const schemaVersion = 1

// schema is version 1. All times are milliseconds since 1970, UTC.
const schema = `
-- A room that was heard, or is known. memory is JSON: see practice.Memory.
CREATE TABLE room(
	id     INTEGER PRIMARY KEY,
	site   TEXT NOT NULL,
	room   TEXT NOT NULL,
	memory TEXT NOT NULL DEFAULT '{}',
	UNIQUE(site, room)
);
-- The latest payload on each topic of a room: name is what follows tacet/<site>/<room>/.
CREATE TABLE latest(
	room    INTEGER NOT NULL REFERENCES room(id) ON DELETE CASCADE,
	name    TEXT NOT NULL,
	at      INTEGER NOT NULL,
	payload BLOB NOT NULL,
	PRIMARY KEY(room, name)
) WITHOUT ROWID;
-- What happened, by the dashboard's clock (at) and the unit's (unit_time). event is the unit's
-- event_id; null for what the dashboard noticed itself. room 0 is a broker or this computer.
CREATE TABLE entry(
	id         INTEGER PRIMARY KEY,
	room       INTEGER NOT NULL,
	at         INTEGER NOT NULL,
	kind       TEXT NOT NULL,
	event      TEXT,
	unit_time  INTEGER,
	recording  TEXT,
	store      TEXT,
	seconds    REAL,
	code       TEXT,
	count      INTEGER,
	state      TEXT,
	from_state TEXT,
	text       TEXT
);
CREATE UNIQUE INDEX entry_event ON entry(room, event) WHERE event IS NOT NULL;
CREATE INDEX entry_room ON entry(room, at);
CREATE INDEX entry_at ON entry(at);
-- Every signed head of a unit's ledger that was seen, once, for a witness.
CREATE TABLE head(
	id   INTEGER PRIMARY KEY,
	room INTEGER NOT NULL,
	at   INTEGER NOT NULL,
	head TEXT NOT NULL,
	UNIQUE(room, head)
);
CREATE INDEX head_at ON head(at);
-- The last signed checkpoint that was seen of each recording.
CREATE TABLE checkpoint(
	room       INTEGER NOT NULL,
	recording  TEXT NOT NULL,
	at         INTEGER NOT NULL,
	checkpoint TEXT NOT NULL,
	PRIMARY KEY(room, recording)
) WITHOUT ROWID;
-- What other packages keep: kind is "note", "closure", "notice", "outbox", "account", "audit" and
-- the like; value is their JSON.
CREATE TABLE record(
	kind  TEXT NOT NULL,
	key   TEXT NOT NULL,
	value BLOB NOT NULL,
	PRIMARY KEY(kind, key)
) WITHOUT ROWID;
`
