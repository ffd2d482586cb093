package io.openvigie.peer;

import java.util.Arrays;

/**
 * The sites of one partition, each with a slot number from 0. What a heartbeat
 * touches lies in arrays of numbers; what few sites have is an object beside them.
 */
final class SiteTable {
    /** What is not a heartbeat's. */
    static final class Rare {
        /** The agreed interval, ms; 0 for the default. */
        long intervalMs;
        boolean lost;
        int mode;
        long version;
        final long[] alarms = new long[Job.STORM_ALARMS];
        int alarmCount;
        boolean storm;
        long stormOpenedAt;
        long stormCount;
        long lastAlarm;
        long alarmBefore;
        long stormDue;
    }

    private int[] index = new int[1024];
    private int size;

    long[] site = new long[512];
    /** When the site was last heard, Unix ms UTC; 0 for never. */
    long[] heard = new long[512];
    /** The bucket of the wheel in which the deadline stands; 0 when none does. */
    long[] due = new long[512];
    Rare[] rare = new Rare[512];

    SiteTable() {
        Arrays.fill(index, -1);
    }

    int size() {
        return size;
    }

    /** The slot of a site, made when it is new. */
    int slot(long number) {
        int mask = index.length - 1;
        int i = hash(number) & mask;
        for (int slot; (slot = index[i]) >= 0; i = i + 1 & mask) {
            if (site[slot] == number) {
                return slot;
            }
        }
        if (size == site.length) {
            grow();
            return slot(number);
        }
        site[size] = number;
        index[i] = size;
        return size++;
    }

    Rare rare(int slot) {
        if (rare[slot] == null) {
            rare[slot] = new Rare();
        }
        return rare[slot];
    }

    private void grow() {
        int room = site.length * 2;
        site = Arrays.copyOf(site, room);
        heard = Arrays.copyOf(heard, room);
        due = Arrays.copyOf(due, room);
        rare = Arrays.copyOf(rare, room);
        index = new int[room * 2];
        Arrays.fill(index, -1);
        int mask = index.length - 1;
        for (int slot = 0; slot < size; slot++) {
            int i = hash(site[slot]) & mask;
            while (index[i] >= 0) {
                i = i + 1 & mask;
            }
            index[i] = slot;
        }
    }

    private static int hash(long number) {
        long h = number * 0x9e3779b97f4a7c15L;
        return (int) (h >>> 32);
    }
}
