//! Counts what segments hold that an older program wrote: once, one after the other, so that the sums are whole.

use anyhow::Result;
use store::home::Home;
use store::register::Register;

/// Counts all that were never counted. One that cannot be read is told, and the next one follows.
pub(crate) async fn count(home: &Home, register: &Register) -> Result<u64> {
    let mut counted = 0;
    for segment in register.uncounted_segments().await? {
        let (home, id) = (home.clone(), segment.id.clone());
        match tokio::task::spawn_blocking(move || store::compact::recount(&home, &segment)).await? {
            Ok(figures) => {
                register.keep_figures(&id, &figures).await?;
                counted += 1;
            }
            Err(error) => tracing::warn!("segment {id} cannot be counted: {error}"),
        }
    }
    Ok(counted)
}
