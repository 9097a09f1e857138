//! Commands of clusters, replicas and modules, as a lone server answers them.

use crate::support::{Reply, Server};

#[test]
fn a_lone_server_answers_as_redis_does() {
    let server = Server::start(&[]);
    let mut client = server.client();
    const NO_CLUSTER: &str = "ERR This instance has cluster support disabled";
    const NO_MODULES: &str = "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can \
                              run it from a local connection, otherwise you need to set this option in the configuration file, \
                              and then restart the server.";
    for (command, error) in [
        ("CLUSTER INFO", NO_CLUSTER),
        ("CLUSTER HELP", NO_CLUSTER),
        ("CLUSTER KEYSLOT k", NO_CLUSTER),
        ("CLUSTER KEYSLOT", "ERR wrong number of arguments for 'cluster|keyslot' command"),
        ("CLUSTER FOO", "ERR unknown subcommand 'FOO'. Try CLUSTER HELP."),
        ("ASKING", NO_CLUSTER),
        ("READONLY", NO_CLUSTER),
        ("READWRITE", NO_CLUSTER),
        ("MODULE LOAD x", NO_MODULES),
        ("MODULE LOADEX x", NO_MODULES),
        ("MODULE UNLOAD x", NO_MODULES),
        ("REPLICAOF localhost x", "ERR Invalid master port"),
        ("SLAVEOF localhost 65536", "ERR Invalid master port"),
        ("FAILOVER", "ERR FAILOVER requires connected replicas."),
        ("FAILOVER TO localhost 1", "ERR FAILOVER requires connected replicas."),
        ("FAILOVER ABORT", "ERR No failover in progress."),
        ("FAILOVER TIMEOUT 0", "ERR FAILOVER timeout must be greater than 0"),
        ("FAILOVER FORCE", "ERR FAILOVER requires connected replicas."),
        ("FAILOVER NOW", "ERR syntax error"),
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(client.call(&words), Reply::Error(error.into()), "{command}");
    }
    assert_eq!(client.call(&["MODULE", "LIST"]).items(), []);
    assert_eq!(client.call(&["REPLICAOF", "NO", "ONE"]), Reply::Simple("OK".into()));
    assert_eq!(client.call(&["SLAVEOF", "no", "one"]), Reply::Simple("OK".into()));
    assert_eq!(client.call(&["WAIT", "0", "0"]), Reply::Integer(0));
}

#[test]
fn modules_can_not_be_loaded_even_where_that_is_allowed() {
    let server = Server::start(&["--enable-module-command", "local"]);
    let mut client = server.client();
    let error = client.call(&["MODULE", "LOAD", "/nowhere/module.so"]);
    assert!(error.is_error("ERR Error loading the extension. Please check the server logs."));
    assert!(
        client
            .call(&["MODULE", "UNLOAD", "x"])
            .is_error("ERR Error unloading module: no such module with that name")
    );
    assert!(client.call(&["DEBUG", "DIGEST"]).is_error("ERR DEBUG command not allowed."));
}
