//! Clients that do nothing: the `timeout` setting, and output limits where nothing is written that would check them.

use std::sync::atomic::Ordering;

use crate::base::log;
use crate::config::Id;
use crate::engine::Node;
use crate::engine::session::ClientHandle;

/// Closes idle clients, and has those with unsent output look at their limits.
pub(super) fn look_after(node: &Node, now_ms: i64) {
    let timeout_ms = node.config.get(Id::Timeout) * 1000;
    for client in &node.clients {
        if timeout_ms > 0 && idle_ms(&client, now_ms) > timeout_ms && may_time_out(&client) {
            log::verbose!("Closing idle client: id={} addr={}", client.id, client.address);
            client.kill();
        } else if client.view.output_bytes.load(Ordering::Relaxed) > 0 || client.mail_bytes() > 0 {
            client.signal.raise();
        }
    }
}

fn idle_ms(client: &ClientHandle, now_ms: i64) -> i64 {
    now_ms - client.view.active_ms.load(Ordering::Relaxed)
}

/// Whoever waits for keys or for the end of a pause, listens to channels or watches is not idle.
fn may_time_out(client: &ClientHandle) -> bool {
    let view = &client.view;
    let listens = [&view.channels, &view.patterns, &view.shard_channels];
    let is_exempt =
        [&view.monitors, &view.paused, &view.follows].into_iter().any(|flag| flag.load(Ordering::Relaxed));
    !is_exempt
        && client.blocked().is_none()
        && listens.into_iter().all(|count| count.load(Ordering::Relaxed) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_idle_clients_are_closed() {
        let config = crate::config::Sources {
            flags: vec![b"--timeout".to_vec(), b"10".to_vec()],
            ..Default::default()
        };
        let config = crate::config::Config::load(&config).unwrap();
        let table = crate::engine::table::CommandTable::new(&[]).unwrap();
        let node = Node::new(config, table, 1);
        let now_ms = crate::base::clock::unix_ms();
        let check = |idle_ms: i64, channels: usize, closed: bool| {
            let id = node.next_client_id();
            let client = std::sync::Arc::new(ClientHandle::new(id, "a".into(), "b".into(), 0, false, 0));
            client.view.active_ms.store(now_ms - idle_ms, Ordering::Relaxed);
            client.view.channels.store(channels, Ordering::Relaxed);
            node.clients.insert(id, client.clone());
            look_after(&node, now_ms);
            assert_eq!(client.is_killed(), closed, "{idle_ms} {channels}");
        };
        check(0, 0, false);
        check(10_000, 0, false);
        check(10_001, 0, true);
        check(99_000, 1, false);
    }
}
