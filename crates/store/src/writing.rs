//! One writer after the other, in the order in which they came.
//!
//! SQLite lets one write at a time, and whoever comes second sleeps, looks again and sleeps longer, up to a tenth of a second a time, while others
//! that come later get in first. Within one program nobody has to guess: who wants to write waits for a turn here, and then finds the register
//! free. Other programs on the same home are still waited for by looking again.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, Transaction};
use tokio::sync::OwnedMutexGuard;

use crate::StoreError;
use crate::register::Register;

/// The right to write, with what writes: a transaction, which is undone when it is dropped before [`Writing::commit`], or a connection.
#[derive(Debug)]
pub(crate) struct Writing<C = Transaction<'static, Sqlite>> {
    // Dropped in this order: the next in turn finds this one ended.
    connection: C,
    _turn: OwnedMutexGuard<()>,
}

impl Register {
    /// Begins to write, when those that came before are done. Whoever writes already must not ask: it would wait for itself.
    pub(crate) async fn writing(&self) -> Result<Writing, StoreError> {
        // The turn comes first: who waits for it keeps no connection from others.
        let turn = self.turns.clone().lock_owned().await;
        Ok(Writing { connection: self.pool.begin_with("BEGIN IMMEDIATE").await?, _turn: turn })
    }

    /// For one statement that writes, a transaction of its own.
    pub(crate) async fn statement(&self) -> Result<Writing<PoolConnection<Sqlite>>, StoreError> {
        let turn = self.turns.clone().lock_owned().await;
        Ok(Writing { connection: self.pool.acquire().await?, _turn: turn })
    }
}

impl Writing {
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.connection.commit().await?)
    }
}

impl<C: Deref<Target = SqliteConnection>> Deref for Writing<C> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl<C: DerefMut<Target = SqliteConnection>> DerefMut for Writing<C> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Home;

    #[tokio::test]
    async fn whoever_comes_first_writes_first_and_who_waits_keeps_no_connection() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        Register::create(&home).await.unwrap().close().await;
        let register = Register::serve(&home, 40).await.unwrap();
        sqlx::query("CREATE TABLE came (who INTEGER NOT NULL)").execute(&mut *register.statement().await.unwrap()).await.unwrap();
        let first = register.writing().await.unwrap();
        let come = |who: i64| {
            let register = register.clone();
            tokio::spawn(async move {
                let write = sqlx::query("INSERT INTO came (who) VALUES ($1)").bind(who);
                if who % 2 == 0 {
                    write.execute(&mut *register.statement().await.unwrap()).await.unwrap();
                } else {
                    let mut writing = register.writing().await.unwrap();
                    write.execute(&mut *writing).await.unwrap();
                    writing.commit().await.unwrap();
                }
            })
        };
        let came: Vec<_> = (0..32).map(come).collect();
        // One thread: each of them runs up to its wait.
        tokio::task::yield_now().await;
        assert_eq!(register.pool.size() as usize - register.pool.num_idle(), 1);
        first.commit().await.unwrap();
        for task in came {
            task.await.unwrap();
        }
        let order: Vec<i64> = sqlx::query_scalar("SELECT who FROM came ORDER BY rowid").fetch_all(&register.pool).await.unwrap();
        assert_eq!(order, (0..32).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn what_is_dropped_was_not_written_and_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let register = Register::create(&Home::at(folder.path())).await.unwrap();
        sqlx::query("CREATE TABLE came (who INTEGER NOT NULL)").execute(&mut *register.statement().await.unwrap()).await.unwrap();
        for who in 0..3_i64 {
            let mut writing = register.writing().await.unwrap();
            sqlx::query("INSERT INTO came (who) VALUES ($1)").bind(who).execute(&mut *writing).await.unwrap();
            if who == 1 {
                writing.commit().await.unwrap();
            }
        }
        let kept: Vec<i64> = sqlx::query_scalar("SELECT who FROM came").fetch_all(&register.pool).await.unwrap();
        assert_eq!(kept, [1]);
    }
}
