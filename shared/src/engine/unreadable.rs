//! Callbacks that are proved to be the platform's and that we cannot read: acknowledged, logged, and counted here.

use crate::engine::App;
use crate::ids::ConnectionId;

impl App {
    /// Counts a callback that could not be read; stores it once a minute at the most. A failure to store it is logged: the
    /// platform is acknowledged all the same.
    pub async fn note_unreadable(&self, connection: &ConnectionId) {
        let now = self.world.now();
        let Some(more) = self.memory.unread.add(connection, now) else { return };
        if let Err(error) = self.store.add_unreadable(connection, more, now).await {
            self.memory.unread.give_back(connection, more);
            tracing::warn!(connection.id = %connection, %error, "an unreadable callback could not be counted");
        }
    }
}
