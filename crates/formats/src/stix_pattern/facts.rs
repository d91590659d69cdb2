//! What was seen, said without JSON: values at known paths. The cheap form for an event that has ten of them.

use std::sync::Arc;

use jiff::Timestamp;

use super::compare::Scalar;
use super::program::{KnownPath, Observed, Unevaluated, Work};

/// One value of one object.
#[derive(Clone, Debug)]
pub struct Fact<'a> {
    /// Facts of one object have one number.
    pub object: u32,
    pub path: Arc<KnownPath>,
    pub value: Scalar<'a>,
}

/// Facts of one observation. A path is answered by facts that name it, step for step: nothing is dereferenced or counted here.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    facts: Vec<Fact<'a>>,
    /// For each object the fact that first named it.
    objects: Vec<(u32, usize)>,
    span: Option<(Timestamp, Timestamp)>,
}

impl<'a> Facts<'a> {
    /// Facts that were seen at no known time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Facts that were seen then.
    ///
    /// ```
    /// use formats::stix_pattern::{Facts, KnownPath, Program, Scalar};
    /// let seen = "2026-11-23T09:30:00Z".parse().unwrap();
    /// let mut facts = Facts::at(seen, seen);
    /// facts.add(0, &KnownPath::new("mutex:name".parse().unwrap()), Scalar::Text("m"));
    /// let asks = "[mutex:name = 'm'] START t'2026-11-23T09:00:00Z' STOP t'2026-11-23T10:00:00Z'";
    /// assert_eq!(Program::parse(asks).unwrap().matches(&[facts]), Ok(true));
    /// ```
    pub fn at(first: Timestamp, last: Timestamp) -> Self {
        Self { span: Some((first, last.max(first))), ..Self::default() }
    }

    /// Adds a fact. All facts of one object have paths of one object type: a fact that has not is left out.
    ///
    /// ```
    /// use formats::stix_pattern::{Facts, KnownPath, Program, Scalar};
    /// let value = KnownPath::new("ipv4-addr:value".parse().unwrap());
    /// let mut facts = Facts::new();
    /// facts.add(0, &value, Scalar::Text("192.0.2.7"));
    /// let program = Program::parse("[ipv4-addr:value IN ('192.0.2.7', '192.0.2.8')]").unwrap();
    /// assert_eq!(program.matches(&[facts]), Ok(true));
    /// ```
    pub fn add(&mut self, object: u32, path: &Arc<KnownPath>, value: Scalar<'a>) {
        match self.objects.iter().find(|(number, _)| *number == object) {
            Some((_, first)) if self.facts[*first].path.path().object_type != path.path().object_type => return,
            Some(_) => {}
            None => self.objects.push((object, self.facts.len())),
        }
        self.facts.push(Fact { object, path: Arc::clone(path), value });
    }

    /// Forgets what was seen and keeps the memory.
    pub fn clear(&mut self) {
        self.facts.clear();
        self.objects.clear();
        self.span = None;
    }

    fn of(&self, object: usize) -> impl Iterator<Item = &Fact<'a>> {
        let (number, first) = self.objects[object];
        self.facts[first..].iter().filter(move |fact| fact.object == number)
    }
}

impl Observed for Facts<'_> {
    fn objects(&self) -> usize {
        self.objects.len()
    }

    fn object_type(&self, object: usize) -> &str {
        &self.facts[self.objects[object].1].path.path().object_type
    }

    fn any(
        &self,
        object: usize,
        path: &KnownPath,
        work: &Work,
        test: &mut dyn FnMut(&Scalar<'_>) -> Result<bool, Unevaluated>,
    ) -> Result<bool, Unevaluated> {
        for fact in self.of(object).filter(|fact| *fact.path == *path) {
            work.step()?;
            if test(&fact.value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn exists(&self, object: usize, path: &KnownPath, _work: &Work) -> Result<bool, Unevaluated> {
        Ok(self.of(object).any(|fact| fact.path.path().steps.starts_with(&path.path().steps)))
    }

    fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.span
    }

    fn count(&self) -> u64 {
        1
    }
}
