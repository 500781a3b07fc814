/** `PRAGMA user_version` of a history that this version writes and reads. */
export const HISTORY_VERSION = 1;

/**
 * A small row for each event, so that a query reads little; what it says in full, the EVE line, lies apart. `key` of a
 * kind is the kind itself as JSON.
 */
export const HISTORY_SCHEMA = `
CREATE TABLE kinds (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  gid INTEGER,
  sid INTEGER,
  rev INTEGER,
  name TEXT NOT NULL,
  category TEXT,
  severity INTEGER,
  cves TEXT NOT NULL
) STRICT;
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  kind INTEGER NOT NULL REFERENCES kinds,
  action TEXT NOT NULL,
  mode TEXT NOT NULL,
  count INTEGER NOT NULL,
  source TEXT,
  source_port INTEGER,
  destination TEXT,
  destination_port INTEGER,
  protocol TEXT,
  app_protocol TEXT,
  flow_id INTEGER
) STRICT;
CREATE INDEX events_time ON events (time_ms);
CREATE TABLE lines (
  id INTEGER PRIMARY KEY REFERENCES events ON DELETE CASCADE,
  line TEXT NOT NULL
) STRICT;
PRAGMA user_version = ${HISTORY_VERSION};
`;

/** The history is of another version of vpatch. */
export class HistoryVersionError extends Error {
  constructor(file: string, version: number) {
    super(
      `${file} is a history of version ${version}, and this vpatch knows version ${HISTORY_VERSION}: ` +
        'move it away, or run the vpatch that made it',
    );
    this.name = 'HistoryVersionError';
  }
}
