//! `/parties/ID/view`: the portal as a party sees it, through the same pages and the same policy. Nothing is changed, and nothing is given.

use axum::extract::Path;
use casework::model::rights::Right;

use crate::console::Route;
use crate::console::portal::{self, Lens};
use crate::console::visit::{Answer, Visit};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/parties/{id}/view", Right::ReadParties, overview),
        Route::get("/parties/{id}/view/problems", Right::ReadParties, problems),
        Route::get("/parties/{id}/view/notices", Right::ReadParties, notices),
        Route::get("/parties/{id}/view/notices/{notice}", Right::ReadParties, notice),
        Route::get("/parties/{id}/view/networks", Right::ReadParties, networks),
    ]
}

async fn overview(visit: Visit, Path(id): Path<String>) -> Answer {
    portal::overview(&visit, &Lens::as_party(&visit, &id).await?).await
}

async fn problems(visit: Visit, Path(id): Path<String>) -> Answer {
    portal::problems::page(&visit, &Lens::as_party(&visit, &id).await?).await
}

async fn notices(visit: Visit, Path(id): Path<String>) -> Answer {
    portal::told::list(&visit, &Lens::as_party(&visit, &id).await?).await
}

async fn notice(visit: Visit, Path((id, notice)): Path<(String, String)>) -> Answer {
    portal::told::one(&visit, &Lens::as_party(&visit, &id).await?, &notice).await
}

async fn networks(visit: Visit, Path(id): Path<String>) -> Answer {
    portal::networks::page(&visit, &Lens::as_party(&visit, &id).await?, None).await
}
