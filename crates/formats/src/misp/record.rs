//! How is a JSON object read into named fields without losing what has no name?
//!
//! Each record has typed fields for the keys it knows and [`More`] for all else, in the order they came. A known key with an
//! unusual value (null, an empty list, a list where a text is meant) is kept in `more` too, so that writing gives it back; as soon
//! as the field is set, the field is what is written.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// Keys without a field that one record may have; MISP itself writes a dozen.
pub(super) const MORE_LIMIT: usize = 256;

/// The keys of a record that have no field of their own, as they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct More<'a>(Vec<(Cow<'a, str>, Value)>);

impl<'a> More<'a> {
    /// What stands under a key that has no field.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(have, _)| have == key).map(|(_, value)| value)
    }

    /// Sets a key; one that is there already keeps its place.
    pub fn set(&mut self, key: impl Into<Cow<'a, str>>, value: Value) {
        let key = key.into();
        match self.0.iter_mut().find(|(have, _)| *have == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|(have, _)| have == key)?;
        Some(self.0.remove(at).1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn own(self) -> More<'static> {
        More(self.0.into_iter().map(|(key, value)| (Cow::Owned(key.into_owned()), value)).collect())
    }

    pub(super) fn read<E: de::Error>(&mut self, key: Cow<'a, str>, value: Value) -> Result<(), E> {
        if self.0.len() == MORE_LIMIT && self.get(&key).is_none() {
            return Err(E::custom(format_args!("more than {MORE_LIMIT} keys that MISP does not know, {key:?} among them")));
        }
        self.set(key, value);
        Ok(())
    }
}

/// Yes or no in any of the ways MISP writes it (`true`, `1`, `"1"`, `"true"`); written as it came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flag {
    on: bool,
    form: Form,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Form {
    #[default]
    Bool,
    Number,
    Digit,
    Word,
}

impl Flag {
    pub const YES: Self = Self { on: true, form: Form::Bool };
    pub const NO: Self = Self { on: false, form: Form::Bool };

    pub fn on(self) -> bool {
        self.on
    }

    fn of_text(text: &str) -> Option<Self> {
        let (on, form) = match text {
            "1" => (true, Form::Digit),
            "0" => (false, Form::Digit),
            "true" => (true, Form::Word),
            "false" => (false, Form::Word),
            _ => return None,
        };
        Some(Self { on, form })
    }
}

/// Equal when both say the same, however it was written.
impl PartialEq for Flag {
    fn eq(&self, other: &Self) -> bool {
        self.on == other.on
    }
}

impl Eq for Flag {}

impl From<bool> for Flag {
    fn from(on: bool) -> Self {
        Self { on, form: Form::Bool }
    }
}

impl Serialize for Flag {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.form {
            Form::Bool => out.serialize_bool(self.on),
            Form::Number => out.serialize_u8(u8::from(self.on)),
            Form::Digit => out.serialize_str(if self.on { "1" } else { "0" }),
            Form::Word => out.serialize_str(if self.on { "true" } else { "false" }),
        }
    }
}

/// A value of a known key: what the field means, or what has to be kept as it is.
pub(super) enum Read<T> {
    Got(T),
    Left(Value),
}

/// What can stand in a field of a record.
pub(super) trait Field<'de>: Sized {
    const MEANT: &'static str;
    fn text(_: Cow<'de, str>) -> Option<Self> {
        None
    }
    fn flag(_: bool) -> Option<Self> {
        None
    }
    fn number(_: &serde_json::Number) -> Option<Self> {
        None
    }
    fn list<A: SeqAccess<'de>>(list: A) -> Result<Read<Self>, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(list)).map(Read::Left)
    }
    fn object<A: MapAccess<'de>>(object: A) -> Result<Read<Self>, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(object)).map(Read::Left)
    }
}

/// What of a field is written, and how it is kept beyond the bytes it was read from.
pub(super) trait Kept {
    type Owned;
    fn is_absent(&self) -> bool;
    fn own(self) -> Self::Owned;
}

impl<'de> Field<'de> for Option<Cow<'de, str>> {
    const MEANT: &'static str = "a text";
    fn text(text: Cow<'de, str>) -> Option<Self> {
        Some(Some(text))
    }
    fn number(number: &serde_json::Number) -> Option<Self> {
        Some(Some(Cow::Owned(number.to_string())))
    }
}

impl Kept for Option<Cow<'_, str>> {
    type Owned = Option<Cow<'static, str>>;
    fn is_absent(&self) -> bool {
        self.is_none()
    }
    fn own(self) -> Self::Owned {
        self.map(|text| Cow::Owned(text.into_owned()))
    }
}

impl<'de> Field<'de> for Option<Flag> {
    const MEANT: &'static str = "yes or no";
    fn text(text: Cow<'de, str>) -> Option<Self> {
        Flag::of_text(&text).map(Some)
    }
    fn flag(on: bool) -> Option<Self> {
        Some(Some(Flag::from(on)))
    }
    fn number(number: &serde_json::Number) -> Option<Self> {
        let on = match number.as_u64()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        Some(Some(Flag { on, form: Form::Number }))
    }
}

impl Kept for Option<Flag> {
    type Owned = Self;
    fn is_absent(&self) -> bool {
        self.is_none()
    }
    fn own(self) -> Self {
        self
    }
}

impl<'de, T: Deserialize<'de>> Field<'de> for Vec<T> {
    const MEANT: &'static str = "a list of objects";
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Read<Self>, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            all.push(one);
        }
        Ok(if all.is_empty() { Read::Left(Value::Array(Vec::new())) } else { Read::Got(all) })
    }
}

impl<T: Kept> Kept for Vec<T> {
    type Owned = Vec<T::Owned>;
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
    fn own(self) -> Self::Owned {
        self.into_iter().map(Kept::own).collect()
    }
}

impl<'de, T: Deserialize<'de>> Field<'de> for Option<Box<T>> {
    const MEANT: &'static str = "an object";
    fn object<A: MapAccess<'de>>(object: A) -> Result<Read<Self>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(|one| Read::Got(Some(Box::new(one))))
    }
}

impl<T: Kept> Kept for Option<Box<T>> {
    type Owned = Option<Box<T::Owned>>;
    fn is_absent(&self) -> bool {
        self.is_none()
    }
    fn own(self) -> Self::Owned {
        self.map(|one| Box::new(one.own()))
    }
}

impl<'de, T: Field<'de>> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Field<'de>> Any<T> {
            fn number<E: de::Error>(number: serde_json::Number) -> Result<Read<T>, E> {
                Ok(T::number(&number).map_or_else(|| Read::Left(Value::Number(number)), Read::Got))
            }
        }
        impl<'de, T: Field<'de>> Visitor<'de> for Any<T> {
            type Value = Read<T>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(T::MEANT)
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Read<T>, E> {
                Ok(T::text(Cow::Borrowed(text)).map_or_else(|| Read::Left(Value::from(text)), Read::Got))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Read<T>, E> {
                Ok(T::text(Cow::Owned(text.to_owned())).map_or_else(|| Read::Left(Value::from(text)), Read::Got))
            }
            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Read<T>, E> {
                Ok(T::flag(on).map_or_else(|| Read::Left(Value::Bool(on)), Read::Got))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Read<T>, E> {
                Self::number(number.into())
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Read<T>, E> {
                Self::number(number.into())
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Read<T>, E> {
                match serde_json::Number::from_f64(number) {
                    Some(number) => Self::number(number),
                    None => Ok(Read::Left(Value::Null)),
                }
            }
            fn visit_unit<E: de::Error>(self) -> Result<Read<T>, E> {
                Ok(Read::Left(Value::Null))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Read<T>, A::Error> {
                T::list(list)
            }
            fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Read<T>, A::Error> {
                T::object(object)
            }
        }
        from.deserialize_any(Any(PhantomData))
    }
}

/// A key, borrowed where the document has it without escapes.
pub(super) struct Key<'a>(pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a key")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Text)
    }
}

/// The members of a record as JSON, some left out.
pub(super) trait Without {
    fn without(&self, keys: &[&str]) -> serde_json::Map<String, Value>;
}

/// Writes one field, unless it says nothing.
pub(super) fn write_field<M: SerializeMap, T: Kept + Serialize>(map: &mut M, key: &'static str, field: &T) -> Result<(), M::Error> {
    if field.is_absent() { Ok(()) } else { map.serialize_entry(key, field) }
}

/// Declares a record: `field: kind = "key"`, where kind is `text`, `flag`, `list(Record)` or `one(Record)`.
macro_rules! record {
    ($(#[$about:meta])* $name:ident { $($(#[$field_about:meta])* $field:ident: $kind:ident $(($inner:ident))? = $key:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name<'a> {
            $($(#[$field_about])* pub $field: $crate::misp::record::record!(@type $kind $(($inner))?),)*
            /// The keys that have no field here, as they came.
            pub more: $crate::misp::record::More<'a>,
        }

        impl $name<'_> {
            /// The same, kept beyond the bytes that it was read from.
            pub fn into_owned(self) -> $name<'static> {
                $crate::misp::record::Kept::own(self)
            }

            fn has_field(&self, key: &str) -> bool {
                match key {
                    $($key => !$crate::misp::record::Kept::is_absent(&self.$field),)*
                    _ => false,
                }
            }
        }

        impl $crate::misp::record::Kept for $name<'_> {
            type Owned = $name<'static>;
            fn is_absent(&self) -> bool {
                false
            }
            fn own(self) -> $name<'static> {
                $name { $($field: $crate::misp::record::Kept::own(self.$field),)* more: self.more.own() }
            }
        }

        impl $crate::misp::record::Without for $name<'_> {
            fn without(&self, keys: &[&str]) -> serde_json::Map<String, serde_json::Value> {
                let mut members = serde_json::Map::with_capacity(16);
                $(if !keys.contains(&$key) && !$crate::misp::record::Kept::is_absent(&self.$field) {
                    members.insert($key.to_owned(), serde_json::json!(self.$field));
                })*
                for (key, value) in self.more.iter().filter(|(key, _)| !self.has_field(key)) {
                    members.insert(key.to_owned(), value.clone());
                }
                members
            }
        }

        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = out.serialize_map(None)?;
                $($crate::misp::record::write_field(&mut map, $key, &self.$field)?;)*
                for (key, value) in self.more.iter() {
                    if !self.has_field(key) {
                        map.serialize_entry(key, value)?;
                    }
                }
                map.end()
            }
        }

        impl<'de: 'a, 'a> serde::Deserialize<'de> for $name<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Members;
                impl<'de> serde::de::Visitor<'de> for Members {
                    type Value = $name<'de>;
                    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        out.write_str(concat!("an object: ", stringify!($name)))
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<$name<'de>, A::Error> {
                        use $crate::misp::record::{Key, Read};
                        let mut found = $name::default();
                        while let Some(Key(key)) = members.next_key()? {
                            match &*key {
                                $($key => match members.next_value()? {
                                    Read::Got(value) => found.$field = value,
                                    Read::Left(value) => found.more.read(key, value)?,
                                },)*
                                _ => {
                                    let value = members.next_value()?;
                                    found.more.read(key, value)?;
                                }
                            }
                        }
                        Ok(found)
                    }
                }
                from.deserialize_map(Members)
            }
        }
    };
    (@type text) => { Option<std::borrow::Cow<'a, str>> };
    (@type flag) => { Option<$crate::misp::record::Flag> };
    (@type list($inner:ident)) => { Vec<$inner<'a>> };
    (@type one($inner:ident)) => { Option<Box<$inner<'a>>> };
}
pub(super) use record;
