package io.openvigie.peer;

import org.apache.kafka.common.utils.Bytes;

import java.nio.ByteBuffer;
import java.util.Arrays;

/** How sites stand in the stores: fixed widths, big-endian, so that keys sort by number. */
final class Codec {
    private static final int RARE_BYTES = 8 * (8 + Job.STORM_ALARMS) + 3;

    private Codec() { }

    static Bytes key(long number) {
        return Bytes.wrap(number(number));
    }

    static byte[] number(long n) {
        byte[] b = new byte[8];
        for (int i = 7; i >= 0; i--, n >>>= 8) {
            b[i] = (byte) n;
        }
        return b;
    }

    static long number(byte[] b) {
        return ByteBuffer.wrap(b).getLong();
    }

    static byte[] rare(SiteTable.Rare r) {
        ByteBuffer b = ByteBuffer.allocate(RARE_BYTES);
        b.put((byte) ((r.lost ? 1 : 0) | (r.storm ? 2 : 0))).put((byte) r.mode).put((byte) r.alarmCount);
        b.putLong(r.intervalMs).putLong(r.version).putLong(r.stormOpenedAt).putLong(r.stormCount);
        b.putLong(r.lastAlarm).putLong(r.alarmBefore);
        for (int i = 0; i < r.alarmCount; i++) {
            b.putLong(r.alarms[i]);
        }
        return Arrays.copyOf(b.array(), b.position());
    }

    static SiteTable.Rare rare(byte[] bytes) {
        ByteBuffer b = ByteBuffer.wrap(bytes);
        SiteTable.Rare r = new SiteTable.Rare();
        int flags = b.get();
        r.lost = (flags & 1) != 0;
        r.storm = (flags & 2) != 0;
        r.mode = b.get();
        r.alarmCount = b.get();
        r.intervalMs = b.getLong();
        r.version = b.getLong();
        r.stormOpenedAt = b.getLong();
        r.stormCount = b.getLong();
        r.lastAlarm = b.getLong();
        r.alarmBefore = b.getLong();
        for (int i = 0; i < r.alarmCount; i++) {
            r.alarms[i] = b.getLong();
        }
        return r;
    }
}
