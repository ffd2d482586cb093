package io.openvigie.peer;

import static io.openvigie.peer.Wire.BYTES;
import static io.openvigie.peer.Wire.VARINT;

import vigie.v1.BeatOuterClass.Beat;
import vigie.v1.Common.AreaMode;
import vigie.v1.EventOuterClass.Event;
import vigie.v1.EventPanel.Armed;
import vigie.v1.EventSite.PathDeclared;
import vigie.v1.EventSite.SiteDeclared;
import vigie.v1.Record.LogRecord;

/**
 * Takes from a record of vigie.events what the job needs and hands it on. The
 * generated classes give the numbers of fields; parsing by them would build a
 * tree of objects for each heartbeat.
 */
final class LogReader {
    /** What a record can say, as far as the job listens. Times: Unix ms UTC. */
    interface Listener {
        void heard(long site, long atMs);

        void declared(long site, long intervalMs);

        /** The event's id stands in data[idFrom, idTo). */
        void mode(long site, long atMs, int mode, byte[] data, int idFrom, int idTo);

        void alarm(long site, long atMs);

        /** All that was taken before has been read: the log's time is now this. */
        void tick(long nowMs);
    }

    private static final int NEWEST_ENVELOPE = 1;
    private static final int EVENT = LogRecord.EVENT_FIELD_NUMBER << 3 | BYTES;
    private static final int BEAT = LogRecord.BEAT_FIELD_NUMBER << 3 | BYTES;
    private static final int T_MS = Beat.T_MS_FIELD_NUMBER << 3 | VARINT;
    private static final int BASE_MS = Beat.BASE_MS_FIELD_NUMBER << 3 | VARINT;
    private static final int SITES = Beat.SITE_FIELD_NUMBER << 3 | BYTES;
    private static final int TIMES = Beat.RECEIVED_DELTA_MS_FIELD_NUMBER << 3 | BYTES;
    /** Fields below are the envelope of an event, those from here on its bodies. */
    private static final int FIRST_BODY = 100;
    private static final int VERSION = LogRecord.VERSION_FIELD_NUMBER << 3 | VARINT;

    private final Wire record = new Wire();
    private final Wire times = new Wire();
    private final Listener to;

    LogReader(Listener to) {
        this.to = to;
    }

    /** Reads one record. Damaged bytes and newer envelopes are exceptions that stop the task. */
    void read(byte[] value) {
        record.over(value, 0, value.length);
        while (record.more()) {
            int tag = record.tag();
            switch (tag) {
                case EVENT -> {
                    int outer = record.end;
                    int end = enter();
                    event();
                    leave(end, outer);
                }
                case BEAT -> {
                    int outer = record.end;
                    int end = enter();
                    beat();
                    leave(end, outer);
                }
                case VERSION -> {
                    if (record.varint() > NEWEST_ENVELOPE) {
                        throw new IllegalStateException("a newer program wrote this record");
                    }
                }
                default -> record.skip(tag);
            }
        }
    }

    /** Narrows the reader to the message that follows, and returns where that ends. */
    private int enter() {
        int n = record.length();
        record.end = record.at + n;
        return record.end;
    }

    /** Goes on behind a message, in the one around it that ends at outer. */
    private void leave(int end, int outer) {
        record.at = end;
        record.end = outer;
    }

    private void event() {
        long site = 0;
        long atMs = 0;
        int idFrom = 0;
        int idTo = 0;
        int body = 0;
        int bodyFrom = 0;
        int bodyTo = 0;
        while (record.more()) {
            int tag = record.tag();
            int field = tag >>> 3;
            if (field == Event.SITE_FIELD_NUMBER) {
                site = record.varint();
            } else if (field == Event.RECEIVED_AT_MS_FIELD_NUMBER) {
                atMs = record.varint();
            } else if (field == Event.ID_FIELD_NUMBER) {
                int n = record.length();
                idFrom = record.at;
                idTo = idFrom + n;
                record.move(n);
            } else if (field >= FIRST_BODY) {
                body = field;
                int n = record.length();
                bodyFrom = record.at;
                bodyTo = bodyFrom + n;
                record.move(n);
            } else {
                record.skip(tag);
            }
        }
        switch (body) {
            case Event.HEARTBEAT_FIELD_NUMBER -> to.heard(site, atMs);
            case Event.ALARM_RAISED_FIELD_NUMBER -> to.alarm(site, atMs);
            case Event.DISARMED_FIELD_NUMBER ->
                to.mode(site, atMs, AreaMode.AREA_MODE_DISARMED_VALUE, record.data, idFrom, idTo);
            case Event.ARMED_FIELD_NUMBER -> {
                record.over(record.data, bodyFrom, bodyTo);
                to.mode(site, atMs, armedMode(), record.data, idFrom, idTo);
            }
            case Event.SITE_DECLARED_FIELD_NUMBER -> {
                record.over(record.data, bodyFrom, bodyTo);
                to.declared(site, declaredInterval());
            }
            default -> { }
        }
    }

    private int armedMode() {
        int mode = 0;
        while (record.more()) {
            int tag = record.tag();
            if (tag >>> 3 == Armed.MODE_FIELD_NUMBER) {
                mode = (int) record.varint();
            } else {
                record.skip(tag);
            }
        }
        return mode;
    }

    /** The interval of the primary path; 0 when none is agreed. */
    private long declaredInterval() {
        long interval = 0;
        while (record.more()) {
            int tag = record.tag();
            if (tag >>> 3 != SiteDeclared.PATHS_FIELD_NUMBER) {
                record.skip(tag);
                continue;
            }
            int outer = record.end;
            int end = enter();
            long path = 0;
            long its = 0;
            while (record.more()) {
                int inner = record.tag();
                switch (inner >>> 3) {
                    case PathDeclared.PATH_FIELD_NUMBER -> path = record.varint();
                    case PathDeclared.INTERVAL_MS_FIELD_NUMBER -> its = record.varint();
                    default -> record.skip(inner);
                }
            }
            leave(end, outer);
            if (path == 1) {
                interval = its;
            }
        }
        return interval;
    }

    private void beat() {
        long baseMs = 0;
        long tMs = 0;
        int sitesFrom = 0;
        int sitesTo = 0;
        int timesFrom = 0;
        int timesTo = 0;
        while (record.more()) {
            int tag = record.tag();
            switch (tag) {
                case T_MS -> tMs = record.varint();
                case BASE_MS -> baseMs = record.varint();
                case SITES -> {
                    int n = record.length();
                    sitesFrom = record.at;
                    sitesTo = sitesFrom + n;
                    record.move(n);
                }
                case TIMES -> {
                    int n = record.length();
                    timesFrom = record.at;
                    timesTo = timesFrom + n;
                    record.move(n);
                }
                default -> record.skip(tag);
            }
        }
        times.over(record.data, timesFrom, timesTo);
        record.over(record.data, sitesFrom, sitesTo);
        for (long at = baseMs; record.more();) {
            if (times.more()) {
                at += times.zigzag();
            }
            to.heard(record.varint(), at);
        }
        if (tMs != 0) {
            to.tick(tMs);
        }
    }
}
