package io.openvigie.peer;

/**
 * Reads Protobuf's wire format from a byte array and makes no object for it: a
 * heartbeat needs three fields of a message that has twenty.
 */
final class Wire {
    static final int VARINT = 0;
    static final int BYTES = 2;

    byte[] data;
    int at;
    int end;

    void over(byte[] bytes, int from, int to) {
        if (from < 0 || to < from || to > bytes.length) {
            throw new IllegalArgumentException("the bytes end inside a field");
        }
        data = bytes;
        at = from;
        end = to;
    }

    boolean more() {
        return at < end;
    }

    /** A tag; its field number is {@code tag >>> 3}. */
    int tag() {
        return (int) varint();
    }

    long varint() {
        // Most are one byte: tags, small lengths, differences of times.
        if (at < end && data[at] >= 0) {
            return data[at++];
        }
        long v = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            if (at >= end) {
                throw new IllegalArgumentException("the bytes end inside a number");
            }
            byte b = data[at++];
            v |= (long) (b & 0x7f) << shift;
            if (b >= 0) {
                return v;
            }
        }
        throw new IllegalArgumentException("a number is longer than 64 bits");
    }

    long zigzag() {
        long v = varint();
        return v >>> 1 ^ -(v & 1);
    }

    /** The length of the bytes that follow, which are there. */
    int length() {
        long n = varint();
        if (n < 0 || n > end - at) {
            throw new IllegalArgumentException("the bytes end inside a field");
        }
        return (int) n;
    }

    void skip(int tag) {
        switch (tag & 7) {
            case VARINT -> varint();
            case 1 -> move(8);
            case BYTES -> move(length());
            case 5 -> move(4);
            default -> throw new IllegalArgumentException("wire type " + (tag & 7) + " is not known");
        }
    }

    void move(int n) {
        if (n > end - at) {
            throw new IllegalArgumentException("the bytes end inside a field");
        }
        at += n;
    }
}
