//! Positions: forms of replies, errors in the order of Redis 7.2.4, what is stored, journaled and told.

use crate::support::{Client, Reply, Server};

fn call(client: &mut Client, command: &str) -> Reply {
    client.call(&command.split(' ').collect::<Vec<_>>())
}

/// All strings and numbers of a reply, in order, arrays in brackets.
fn shown(reply: &Reply) -> String {
    match reply {
        Reply::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Reply::Integer(number) => number.to_string(),
        Reply::Null => "null".into(),
        Reply::Scalar(kind, text) => format!("{kind}{text}"),
        Reply::Error(text) => text.clone(),
        other => other.text(),
    }
}

const SICILY: &str = "GEOADD sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania";

#[test]
fn replies_in_both_protocols() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(shown(&call(&mut client, SICILY)), "2");
    let commands = [
        ("GEOPOS sicily Palermo none", "[[13.36138933897018433 38.11555639549629859] null]"),
        ("GEODIST sicily Palermo Catania", "166274.1516"),
        ("GEODIST sicily Palermo Catania mi", "103.3182"),
        ("GEODIST sicily Palermo none", "null"),
        ("GEOHASH sicily Palermo none Catania", "[sqc8b49rny0 null sqdtr74hyu0]"),
        (
            "GEOSEARCH sicily FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD WITHDIST WITHHASH",
            "[[Catania 56.4413 3479447370796909 [15.08726745843887329 37.50266842333162032]] \
             [Palermo 190.4424 3479099956230698 [13.36138933897018433 38.11555639549629859]]]",
        ),
        ("GEORADIUSBYMEMBER_RO sicily Palermo 100 km WITHDIST", "[[Palermo 0.0000]]"),
        ("GEORADIUS sicily 15 37 200 km COUNT 1 DESC", "[Palermo]"),
        ("GEOSEARCH none FROMMEMBER x BYRADIUS 1 m", "[]"),
    ];
    for (command, expected) in commands {
        assert_eq!(shown(&call(&mut client, command)), expected, "{command}");
    }
    call(&mut client, "HELLO 3");
    let expected = "[[,13.36138933897018433 ,38.11555639549629859] null]";
    assert_eq!(shown(&call(&mut client, "GEOPOS sicily Palermo none")), expected);
    assert_eq!(shown(&call(&mut client, "GEODIST sicily Palermo Catania km")), "166.2742");
}

#[test]
fn errors_come_in_the_order_of_redis() {
    const SYNTAX: &str = "ERR syntax error";
    let server = Server::start(&[]);
    let mut client = server.client();
    call(&mut client, SICILY);
    call(&mut client, "SET text value");
    let mut check = |command: &str, expected: &str| {
        assert_eq!(shown(&call(&mut client, command)), expected, "{command}");
    };
    check("GEOADD k 181 0.5 m", "ERR invalid longitude,latitude pair 181.000000,0.500000");
    check("GEOADD k x 0 m", "ERR value is not a valid float");
    check("GEOADD k NX XX 0 0 m", SYNTAX);
    check("GEOADD k NX CH XX CH", SYNTAX);
    check("GEOADD text 0 0 m", "WRONGTYPE Operation against a key holding the wrong kind of value");
    check("GEODIST sicily a b cm", "ERR unsupported unit provided. please use M, KM, FT, MI");
    check("GEODIST sicily a b m m", SYNTAX);
    check(
        "GEOSEARCH text and what makes no sense",
        "WRONGTYPE Operation against a key holding the wrong kind of value",
    );
    check(
        "GEOSEARCH sicily BYRADIUS 1 m ASC ASC",
        "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH",
    );
    check(
        "geosearch sicily FROMLONLAT 0 0 ASC ASC",
        "ERR exactly one of BYRADIUS and BYBOX can be specified for geosearch",
    );
    check("GEOSEARCH sicily FROMLONLAT 0 0 FROMMEMBER Palermo BYRADIUS 1 m", SYNTAX);
    check("GEOSEARCH sicily FROMLONLAT 0 0 BYBOX 1 1 m BYRADIUS 1 m", SYNTAX);
    check("GEOSEARCH sicily FROMMEMBER none BYRADIUS 1 m", "ERR could not decode requested zset member");
    check("GEOSEARCH sicily FROMLONLAT 0 0 BYRADIUS x m", "ERR need numeric radius");
    check("GEOSEARCH sicily FROMLONLAT 0 0 BYRADIUS -1 m", "ERR radius cannot be negative");
    check("GEOSEARCH sicily FROMLONLAT 0 0 BYBOX x 1 m", "ERR need numeric width");
    check("GEOSEARCH sicily FROMLONLAT 0 0 BYBOX 1 x m", "ERR need numeric height");
    check("GEOSEARCH sicily FROMLONLAT 0 0 BYBOX 1 -1 m", "ERR height or width cannot be negative");
    check("GEOSEARCH sicily FROMLONLAT 0 0 BYRADIUS 1 m ANY", "ERR the ANY argument requires COUNT argument");
    check("GEOSEARCH sicily FROMLONLAT 0 0 BYRADIUS 1 m COUNT 0", "ERR COUNT must be > 0");
    check("GEOSEARCH sicily FROMLONLAT 0 0 BYRADIUS 1 m STORE d", SYNTAX);
    check("GEORADIUS_RO sicily 0 0 1 m STORE d", SYNTAX);
    let incompatible = "is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
    check(
        "GEORADIUS sicily 0 0 1 m STORE d WITHDIST",
        &format!("ERR STORE option in GEORADIUS {incompatible}"),
    );
    check("GEOSEARCHSTORE d sicily WITHHASH ASC ASC ASC ASC", &format!("ERR GEOSEARCHSTORE {incompatible}"));
}

#[test]
fn results_are_stored_with_positions_or_distances() {
    let server = Server::start(&["--notify-keyspace-events", "Ez$g"]);
    let (mut client, mut listener) = (server.client(), server.client());
    call(&mut client, SICILY);
    call(&mut client, "SET d text EX 100");
    call(&mut listener, "PSUBSCRIBE *");
    assert_eq!(shown(&call(&mut client, "GEOSEARCHSTORE d sicily FROMLONLAT 15 37 BYRADIUS 100 km")), "1");
    assert_eq!(shown(&call(&mut client, "ZRANGE d 0 -1 WITHSCORES")), "[Catania 3479447370796909]");
    assert_eq!(shown(&call(&mut client, "TTL d")), "-1");
    assert_eq!(shown(&call(&mut client, "GEORADIUS sicily 15 37 200 km STORE x STOREDIST d")), "2");
    let stored = "[Catania 56.4412578701582 Palermo 190.44242984775784]";
    assert_eq!(shown(&call(&mut client, "ZRANGE d 0 -1 WITHSCORES")), stored);
    assert_eq!(shown(&call(&mut client, "EXISTS x")), "0");
    assert_eq!(shown(&call(&mut client, "GEORADIUSBYMEMBER none m 1 km STORE d")), "0");
    assert_eq!(shown(&call(&mut client, "EXISTS d")), "0");
    for expected in ["geosearchstore", "georadiusstore", "del"] {
        let told = listener.read().unwrap();
        assert_eq!(told.items()[2].text(), format!("__keyevent@0__:{expected}"));
    }
}

#[test]
fn the_date_line_and_the_poles() {
    let server = Server::start(&[]);
    let mut client = server.client();
    call(&mut client, "GEOADD k 180 0 east -180 0 west 0 85.05112878 north 179.9999 -85.05112878 south");
    let mut check = |command: &str, expected: &str| {
        assert_eq!(shown(&call(&mut client, command)), expected, "{command}");
    };
    check("GEODIST k east west", "0.2983");
    check("GEOSEARCH k FROMLONLAT 179.999 0 BYRADIUS 1 km ASC", "[west]");
    check("GEOSEARCH k FROMLONLAT -179.999 0 BYRADIUS 1 km ASC", "[west]");
    check("GEOSEARCH k FROMLONLAT 0 0 BYRADIUS 21000 km DESC COUNT 2 ANY", "[west south]");
    check("GEOSEARCH k FROMMEMBER south BYRADIUS 10 km", "[south]");
}

#[test]
fn the_log_has_the_scores() {
    let server = Server::start(&["--appendonly", "yes", "--enable-debug-command", "yes"]);
    let mut client = server.client();
    call(&mut client, SICILY);
    assert_eq!(shown(&call(&mut client, "GEOADD sicily XX CH 13.4 38.1 Palermo 1 1 none")), "1");
    assert_eq!(shown(&call(&mut client, "GEOADD sicily NX 13.5 38.1 Palermo")), "0");
    call(&mut client, "GEOSEARCHSTORE near sicily FROMMEMBER Catania BYRADIUS 10 km STOREDIST");
    let digest = shown(&call(&mut client, "DEBUG DIGEST"));
    assert_eq!(shown(&call(&mut client, "DEBUG LOADAOF")), "OK");
    assert_eq!(shown(&call(&mut client, "DEBUG DIGEST")), digest);
    assert_eq!(shown(&call(&mut client, "DBSIZE")), "2");
}
