//! `/parties/ID/view`: the portal as a party sees it, through the same pages and the same policy. Nothing is changed, and nothing is given:
//! no release is written of what our own people look at.

use axum::extract::Path;
use casework::model::rights::Right;

use crate::console::Route;
use crate::console::portal::{self, Lens};
use crate::console::visit::{Answer, Visit};

/// Every page that the portal has is here too.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/parties/{id}/view", Right::ReadParties, overview),
        Route::get("/parties/{id}/view/problems", Right::ReadParties, problems),
        Route::get("/parties/{id}/view/problems/download.csv", Right::Export, csv).exporting(),
        Route::get("/parties/{id}/view/problems/download.json", Right::Export, json).exporting(),
        Route::get("/parties/{id}/view/problems/download.stix", Right::Export, stix).exporting(),
        Route::get("/parties/{id}/view/problems/download.xarf", Right::Export, xarf).exporting(),
        Route::get("/parties/{id}/view/notices", Right::ReadParties, notices),
        Route::get("/parties/{id}/view/notices/{notice}", Right::ReadParties, notice),
        Route::get("/parties/{id}/view/networks", Right::ReadParties, networks),
        Route::get("/parties/{id}/view/evidence", Right::ReadParties, given),
        Route::get("/parties/{id}/view/evidence/{upload}", Right::ReadParties, one_given),
        Route::get("/parties/{id}/view/downloads", Right::ReadParties, downloads),
        Route::get("/parties/{id}/view/settings", Right::ReadParties, settings),
    ]
}

async fn overview(visit: Visit, Path(id): Path<String>) -> Answer {
    portal::overview(&visit, &Lens::as_party(&visit, &id).await?).await
}

async fn problems(visit: Visit, Path(id): Path<String>) -> Answer {
    portal::problems::page(&visit, &Lens::as_party(&visit, &id).await?).await
}

async fn csv(visit: Visit, Path(id): Path<String>) -> Answer {
    portal::problems::csv(&visit, Lens::as_party(&visit, &id).await?).await
}

async fn json(visit: Visit, Path(id): Path<String>) -> Answer {
    portal::problems::json(&visit, Lens::as_party(&visit, &id).await?).await
}

async fn stix(visit: Visit, Path(id): Path<String>) -> Answer {
    portal::problems::stix(&visit, Lens::as_party(&visit, &id).await?).await
}

async fn xarf(visit: Visit, Path(id): Path<String>) -> Answer {
    portal::problems::xarf(&visit, Lens::as_party(&visit, &id).await?).await
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

async fn given(visit: Visit, Path(id): Path<String>) -> Answer {
    portal::given::page(&visit, &Lens::as_party(&visit, &id).await?).await
}

async fn one_given(visit: Visit, Path((id, upload)): Path<(String, String)>) -> Answer {
    portal::given::one(&visit, &Lens::as_party(&visit, &id).await?, &upload).await
}

async fn downloads(visit: Visit, Path(id): Path<String>) -> Answer {
    portal::downloads::page(&visit, &Lens::as_party(&visit, &id).await?)
}

async fn settings(visit: Visit, Path(id): Path<String>) -> Answer {
    portal::settings::page(&visit, &Lens::as_party(&visit, &id).await?).await
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    #[test]
    fn every_page_that_a_party_can_open_can_be_looked_at_as_that_party() {
        let all = crate::console::routes();
        let has = |path: &str| all.iter().any(|route| route.method == Method::GET && route.path == path);
        let theirs = all.iter().filter(|route| route.method == Method::GET && route.path.starts_with("/portal"));
        let mut pages = 0;
        for route in theirs {
            let more = route
                .path
                .trim_start_matches("/portal")
                .replace("/notices/{id}", "/notices/{notice}")
                .replace("/evidence/{id}", "/evidence/{upload}");
            assert!(has(&format!("/parties/{{id}}/view{more}")), "{} has no preview", route.path);
            pages += 1;
        }
        assert!(pages > 10, "{pages}");
    }
}
