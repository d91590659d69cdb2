//! The query of an address: read once, with one thing changed for each link.

use axum::http::Uri;

/// Names and values in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn of(uri: &Uri) -> Self {
        Self(form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The body of a form.
    pub(crate) fn of_form(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// The first value of a name, without blanks around it; an empty one is none.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// All values of a name that are not empty.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// Everything, in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// With one name changed, or taken out.
    pub(crate) fn with(&self, name: &str, value: Option<&str>) -> Self {
        let mut pairs: Vec<_> = self.0.iter().filter(|(key, _)| key != name).cloned().collect();
        pairs.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        Self(pairs)
    }

    /// A link: the path with this query.
    pub(crate) fn link(&self, path: &str) -> String {
        let filled: Vec<&(String, String)> = self.0.iter().filter(|(_, value)| !value.is_empty()).collect();
        if filled.is_empty() {
            return path.to_owned();
        }
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(filled.iter().map(|(key, value)| (key, value)));
        format!("{path}?{}", text.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_changes_and_the_rest_stays() {
        let query = Query::of(&"/x?a=1&b=%E7%B5%90&a=2&c=".parse().unwrap());
        assert_eq!(query.one("b"), Some("結"));
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(query.one("c"), None);
        assert_eq!(query.with("a", Some("3 4")).link("/x"), "/x?b=%E7%B5%90&a=3+4");
        assert_eq!(query.with("a", None).with("b", None).link("/x"), "/x");
    }
}
