// Writes the streams that the tests and the fuzz targets of pkg/jmx read:
//
//   java -cp guava.jar Streams.java > streams.txt
//
// Each line is a name, a tab and a stream in hexadecimal, or "rmi:" and a name where
// the stream is as in an answer of RMI, with annotated classes.

import java.io.*;
import java.lang.management.*;
import java.math.*;
import java.net.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import javax.management.*;
import javax.management.openmbean.*;

public class Streams {
    enum Colour { RED, GREEN }

    static class Node implements Serializable {
        private static final long serialVersionUID = 1;
        Object next;
        Node(Object next) { this.next = next; }
    }

    static class Fails implements Serializable {
        private static final long serialVersionUID = 1;
        private void writeObject(ObjectOutputStream out) throws IOException {
            out.writeInt(7);
            throw new NotSerializableException("Fails");
        }
    }

    static class Unknown extends RuntimeException {
        private static final long serialVersionUID = 1;
        final int code = 42;
        Unknown(String message, Throwable cause) { super(message, cause); }
    }

    static class Outer implements Externalizable {
        public Outer() {}
        public void writeExternal(ObjectOutput out) throws IOException { out.writeInt(5); out.writeObject("five"); }
        public void readExternal(ObjectInput in) {}
    }

    static class Annotating extends ObjectOutputStream {
        Annotating(OutputStream out) throws IOException { super(out); useProtocolVersion(PROTOCOL_VERSION_1); }
        protected void annotateClass(Class<?> c) throws IOException { writeObject(null); }
        protected void annotateProxyClass(Class<?> c) throws IOException { writeObject(null); }
    }

    static void write(String name, Object v) throws Exception {
        print(name, v, false);
        if (!(v instanceof Externalizable)) print("rmi:" + name, v, true);
    }

    static void print(String name, Object v, boolean rmi) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ObjectOutputStream out = rmi ? new Annotating(bytes) : new ObjectOutputStream(bytes);
        try { out.writeObject(v); } catch (NotSerializableException e) { }
        out.flush();
        System.out.println(name + "\t" + HexFormat.of().formatHex(bytes.toByteArray()));
    }

    static CompositeData row(String key, int n) throws Exception {
        return new CompositeDataSupport(rowType(), new String[] {"key", "n"}, new Object[] {key, n});
    }

    static CompositeType rowType() throws Exception {
        return new CompositeType("row", "a row", new String[] {"key", "n"}, new String[] {"the key", "the number"},
            new OpenType<?>[] {SimpleType.STRING, SimpleType.INTEGER});
    }

    static TabularData table() throws Exception {
        TabularDataSupport t = new TabularDataSupport(new TabularType("t", "a table", rowType(), new String[] {"key"}));
        t.put(row("b", 2));
        t.put(row("a", 1));
        return t;
    }

    public static void main(String[] args) throws Exception {
        List<String> ab = Arrays.asList("a", "b");
        write("null", null);
        write("string", "text");
        write("string with everything", "\u0000\u00e9\u20ac\ud83d\ude00\ud800x");
        write("true", true);
        write("byte", (byte) -8);
        write("char", '\u20ac');
        write("short", (short) -16);
        write("int", -32);
        write("long", -64L);
        write("float", 1.5f);
        write("double", -2.5);
        write("big integer", new BigInteger("12345678901234567890"));
        write("atomic long", new AtomicLong(64));
        write("atomic integer", new AtomicInteger(32));
        write("atomic boolean", new AtomicBoolean(true));
        write("uuid", UUID.fromString("01234567-89ab-cdef-8123-456789abcdef"));
        write("date", new Date(1700000000123L));
        write("enum", Colour.GREEN);
        write("class", String.class);
        write("ipv4", InetAddress.getByAddress("h", new byte[] {127, 1, 2, (byte) 200}));
        write("ipv6", InetAddress.getByName("fe80::1"));
        write("object name", new ObjectName("a:type=B"));
        write("strings", new String[] {"a", "b"});
        write("strings with null", new String[] {"a", null});
        write("bytes", new byte[] {1, -1});
        write("booleans", new boolean[] {true, false});
        write("chars", new char[] {'a', '\u20ac'});
        write("shorts", new short[] {1, -1});
        write("ints", new int[] {1, -1});
        write("longs", new long[] {1, -1});
        write("floats", new float[] {1, -1});
        write("doubles", new double[] {1, -1});
        write("no ints", new int[0]);
        write("arrays", new Object[] {new int[] {1}, new String[] {"a"}, null});
        write("array list", new ArrayList<>(ab));
        write("linked list", new LinkedList<>(ab));
        write("array deque", new ArrayDeque<>(ab));
        write("copy on write list", new CopyOnWriteArrayList<>(ab));
        write("vector", new Vector<>(ab));
        write("arrays as list", ab);
        write("list of", List.of("a", "b"));
        write("empty list", Collections.emptyList());
        write("singleton list", Collections.singletonList("a"));
        write("unmodifiable list", Collections.unmodifiableList(new ArrayList<>(ab)));
        write("synchronized list", Collections.synchronizedList(new ArrayList<>(ab)));
        write("hash set", new HashSet<>(List.of("a")));
        write("linked hash set", new LinkedHashSet<>(ab));
        write("tree set", new TreeSet<>(ab));
        write("set of", Set.of("a"));
        write("empty set", Collections.emptySet());
        write("singleton set", Collections.singleton("a"));
        write("unmodifiable set", Collections.unmodifiableSet(new LinkedHashSet<>(ab)));
        Set<String> fromMap = Collections.newSetFromMap(new ConcurrentHashMap<>());
        fromMap.add("a");
        write("set from map", fromMap);
        Set<String> keys = ConcurrentHashMap.newKeySet();
        keys.add("a");
        write("key set view", keys);
        write("copy on write set", new CopyOnWriteArraySet<>(ab));
        write("skip list set", new ConcurrentSkipListSet<>(ab));
        write("enum set", EnumSet.of(Colour.RED));
        write("hash map", new HashMap<>(Map.of("k", "v")));
        write("linked hash map", new LinkedHashMap<>(Map.of("k", 1)));
        write("tree map", new TreeMap<>(Map.of("k", "v", "l", "w")));
        write("hashtable", new Hashtable<>(Map.of("k", "v")));
        Properties p = new Properties();
        p.setProperty("k", "v");
        write("properties", p);
        write("concurrent map", new ConcurrentHashMap<>(Map.of("k", "v")));
        write("skip list map", new ConcurrentSkipListMap<>(Map.of("k", "v")));
        write("enum map", new EnumMap<>(Map.of(Colour.RED, "v")));
        write("map of", Map.of("k", "v"));
        write("empty map", Collections.emptyMap());
        write("singleton map", Collections.singletonMap("k", "v"));
        write("unmodifiable map", Collections.unmodifiableMap(new HashMap<>(Map.of("k", "v"))));
        write("synchronized map", Collections.synchronizedMap(new HashMap<>(Map.of("k", "v"))));
        write("map of lists", new HashMap<>(Map.of(new ArrayList<>(ab), new ArrayList<>(ab))));
        write("map with null", new HashMap<>(Collections.singletonMap(null, null)));
        write("values view", new ConcurrentHashMap<>(Map.of("k", "v")).values());
        write("guava list", com.google.common.collect.ImmutableList.of("a", "b"));
        write("guava list of one", com.google.common.collect.ImmutableList.of("a"));
        write("guava set", com.google.common.collect.ImmutableSet.of("a", "b"));
        write("guava map", com.google.common.collect.ImmutableMap.of("k", "v"));
        write("composite", row("a", 1));
        write("table", table());
        write("attributes", new AttributeList(List.<Attribute>of(new Attribute("A", 1), new Attribute("B", null))));
        write("bean info", new MBeanInfo("C", "d",
            new MBeanAttributeInfo[] {new MBeanAttributeInfo("A", "int", "a", true, false, false)}, null,
            new MBeanOperationInfo[] {new MBeanOperationInfo("op", "o", new MBeanParameterInfo[] {
                new MBeanParameterInfo("p", "java.lang.String", "p")}, "void", MBeanOperationInfo.ACTION)}, null));
        Notification n = new Notification("progress", "repair:7", 3, 1700000000123L, "half way");
        n.setUserData(new HashMap<>(Map.of("type", 1)));
        write("notification result", new javax.management.remote.NotificationResult(5, 9,
            new javax.management.remote.TargetedNotification[] {new javax.management.remote.TargetedNotification(n, 4)}));
        write("unknown object", new Node("x"));
        Node cycle = new Node(null);
        cycle.next = cycle;
        write("cycle", cycle);
        Object[] twice = new Object[2];
        twice[0] = twice[1] = new Node("x");
        write("twice the same", twice);
        write("externalizable", new Outer());
        write("failing writer", new Fails());

        throwable("exception", new IOException("disk full"));
        throwable("exception without message", new NullPointerException());
        throwable("exception with causes", new RuntimeException("outer", new IllegalStateException("middle", new IOException("inner"))));
        throwable("unknown exception", new Unknown("why", new Error("because")));
        throwable("mbean exception", new MBeanException(new IOException("x")));
        throwable("runtime mbean exception", new RuntimeMBeanException(new SecurityException("not your file")));
        throwable("runtime error exception", new RuntimeErrorException(new AssertionError("no")));
        throwable("reflection exception", new ReflectionException(new NoSuchMethodException("op()"), "no op"));
        throwable("instance not found", new InstanceNotFoundException("a:type=B"));
        throwable("attribute not found", new AttributeNotFoundException("A"));
        throwable("security exception", new SecurityException("Authentication failed!"));
        throwable("wrapped security exception", new RuntimeException(new SecurityException("Authentication failed!")));
        throwable("remote exception", new java.rmi.ServerException("server", new java.rmi.UnmarshalException("args", new IOException("x"))));
        throwable("no such object", new java.rmi.NoSuchObjectException("no such object in table"));
        Exception first = new Exception("first"), second = new Exception("second", first);
        first.initCause(second);
        throwable("causes in a circle", first);
    }

    // Stack traces are cut: they would be most of the bytes.
    static void throwable(String name, Throwable t) throws Exception {
        Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Throwable c = t; c != null && seen.add(c); c = c.getCause())
            c.setStackTrace(c.getStackTrace().length == 0 ? new StackTraceElement[0] : new StackTraceElement[] {
                new StackTraceElement("Streams", "main", "Streams.java", 1)});
        write(name, t);
    }
}
