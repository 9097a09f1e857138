//! CLUSTER and its kin, as a server answers them that is in no cluster.

use crate::engine::{Args, CommandResult, Context, Handling, Row, keyless};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("ASKING", keyless(disabled)),
    Row::new("READONLY", keyless(disabled)),
    Row::new("READWRITE", keyless(disabled)),
    Row::new("CLUSTER|ADDSLOTS", keyless(disabled)),
    Row::new("CLUSTER|ADDSLOTSRANGE", keyless(disabled)),
    Row::new("CLUSTER|BUMPEPOCH", keyless(disabled)),
    Row::new("CLUSTER|COUNT-FAILURE-REPORTS", keyless(disabled)),
    Row::new("CLUSTER|COUNTKEYSINSLOT", keyless(disabled)),
    Row::new("CLUSTER|DELSLOTS", keyless(disabled)),
    Row::new("CLUSTER|DELSLOTSRANGE", keyless(disabled)),
    Row::new("CLUSTER|FAILOVER", keyless(disabled)),
    Row::new("CLUSTER|FLUSHSLOTS", keyless(disabled)),
    Row::new("CLUSTER|FORGET", keyless(disabled)),
    Row::new("CLUSTER|GETKEYSINSLOT", keyless(disabled)),
    Row::new("CLUSTER|HELP", keyless(disabled)),
    Row::new("CLUSTER|INFO", keyless(disabled)),
    Row::new("CLUSTER|KEYSLOT", keyless(disabled)),
    Row::new("CLUSTER|LINKS", keyless(disabled)),
    Row::new("CLUSTER|MEET", keyless(disabled)),
    Row::new("CLUSTER|MYID", keyless(disabled)),
    Row::new("CLUSTER|MYSHARDID", keyless(disabled)),
    Row::new("CLUSTER|NODES", keyless(disabled)),
    Row::new("CLUSTER|REPLICAS", keyless(disabled)),
    Row::new("CLUSTER|REPLICATE", keyless(disabled)),
    Row::new("CLUSTER|RESET", keyless(disabled)),
    Row::new("CLUSTER|SAVECONFIG", keyless(disabled)),
    Row::new("CLUSTER|SET-CONFIG-EPOCH", keyless(disabled)),
    Row::new("CLUSTER|SETSLOT", keyless(disabled)),
    Row::new("CLUSTER|SHARDS", keyless(disabled)),
    Row::new("CLUSTER|SLAVES", keyless(disabled)),
    Row::new("CLUSTER|SLOTS", keyless(disabled)),
];

/// Any of them, HELP included.
fn disabled<'a>(_ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    Err("ERR This instance has cluster support disabled".into())
}
