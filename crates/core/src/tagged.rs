//! Enums of which each value is one JSON object that begins with the name of its variant: `{"event":"need","needs":["a"]}`.
//!
//! `#[serde(tag = "event")]` writes the same; to read it, it first copies the whole object. Whoever reads history reads millions of
//! them, so here the members go straight to where they belong. An object that names its variant later than first is read as well,
//! by way of a copy.

use std::fmt;

use serde::de::value::MapDeserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, VariantAccess, Visitor,
};
use serde::ser::{Error as _, Impossible, SerializeStruct, SerializeStructVariant, Serializer};
use serde::{Serialize, forward_to_deserialize_any};
use serde_json::Value;

/// Gives an enum that derives `#[serde(remote = "Self")]` its place in JSON, under the name of the member that says its variant.
/// Its variants have named fields, none of them named like that member, or none.
///
/// What is derived are functions of the type: `Step::deserialize` is one of them, and reads another form. `serde_json` and whoever else
/// goes by the traits reads this one.
macro_rules! tagged {
    ($name:ident, $tag:literal) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                // What is derived.
                Self::serialize(self, $crate::tagged::Tagged { tag: $tag, inner: serializer })
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::deserialize($crate::tagged::Tagged { tag: $tag, inner: deserializer })
            }
        }
    };
}
pub(crate) use tagged;

/// What writes or reads enums like this, by what writes or reads anything.
pub(crate) struct Tagged<T> {
    /// The name of the member that says the variant.
    pub(crate) tag: &'static str,
    /// What writes or reads the object.
    pub(crate) inner: T,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Tagged<D> {
    type Error = D::Error;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_map(Object { tag: self.tag, visitor })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, D::Error> {
        Err(D::Error::custom("only an enum has a tag"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// Reads an object as an enum.
struct Object<V> {
    tag: &'static str,
    visitor: V,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Object<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with a member {:?}", self.tag)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<V::Value, A::Error> {
        let Self { tag, visitor } = self;
        match map.next_key_seed(Key(tag))? {
            Some(None) => visitor.visit_enum(Members(map)),
            Some(Some(name)) => {
                let mut members = vec![(name, map.next_value::<Value>()?)];
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                let at =
                    members.iter().position(|(name, _)| name == tag).ok_or_else(|| A::Error::missing_field(tag))?;
                members[..=at].rotate_right(1);
                let mut members = MapDeserializer::new(members.into_iter());
                // The first one's name is the tag.
                members.next_key::<IgnoredAny>().map_err(wrong)?;
                visitor.visit_enum(Members(members)).map_err(wrong)
            }
            None => Err(A::Error::missing_field(tag)),
        }
    }
}

fn wrong<E: de::Error>(error: serde_json::Error) -> E {
    E::custom(error)
}

/// Reads the name of a member: `None` is the one that is looked for.
struct Key(&'static str);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Option<String>, E> {
        Ok((name != self.0).then(|| name.to_owned()))
    }
}

/// The members of an object, the first of which says the variant, and has its name read already.
pub(crate) struct Members<A>(A);

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for Members<A> {
    type Error = A::Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(mut self, seed: S) -> Result<(S::Value, Self), A::Error> {
        Ok((self.0.next_value_seed(seed)?, self))
    }
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Members<A> {
    type Error = A::Error;

    fn unit_variant(mut self) -> Result<(), A::Error> {
        while self.0.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _seed: S) -> Result<S::Value, A::Error> {
        Err(A::Error::custom("the members of an object have names"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, A::Error> {
        Err(A::Error::custom("the members of an object have names"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(self.0)
    }
}

/// Writes nothing but what an enum of this kind is made of.
macro_rules! refuse {
    ($($method:ident$(<$value:ident>)?($($of:ty),*) -> $ok:ty;)*) => {
        $(fn $method$(<$value: Serialize + ?Sized>)?(self, $(_: $of),*) -> Result<$ok, S::Error> {
            Err(S::Error::custom("only an enum with named fields has a tag"))
        })*
    };
}

type Never<S> = Impossible<<S as Serializer>::Ok, <S as Serializer>::Error>;

impl<S: Serializer> Serializer for Tagged<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Never<S>;
    type SerializeTuple = Never<S>;
    type SerializeTupleStruct = Never<S>;
    type SerializeTupleVariant = Never<S>;
    type SerializeMap = Never<S>;
    type SerializeStruct = Never<S>;
    type SerializeStructVariant = Members<S::SerializeStruct>;

    fn serialize_unit_variant(self, name: &'static str, _: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        let mut object = self.inner.serialize_struct(name, 1)?;
        object.serialize_field(self.tag, variant)?;
        object.end()
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        fields: usize,
    ) -> Result<Members<S::SerializeStruct>, S::Error> {
        let mut object = self.inner.serialize_struct(name, fields + 1)?;
        object.serialize_field(self.tag, variant)?;
        Ok(Members(object))
    }

    refuse! {
        serialize_bool(bool) -> S::Ok;
        serialize_i8(i8) -> S::Ok;
        serialize_i16(i16) -> S::Ok;
        serialize_i32(i32) -> S::Ok;
        serialize_i64(i64) -> S::Ok;
        serialize_u8(u8) -> S::Ok;
        serialize_u16(u16) -> S::Ok;
        serialize_u32(u32) -> S::Ok;
        serialize_u64(u64) -> S::Ok;
        serialize_f32(f32) -> S::Ok;
        serialize_f64(f64) -> S::Ok;
        serialize_char(char) -> S::Ok;
        serialize_str(&str) -> S::Ok;
        serialize_bytes(&[u8]) -> S::Ok;
        serialize_none() -> S::Ok;
        serialize_some<T>(&T) -> S::Ok;
        serialize_unit() -> S::Ok;
        serialize_unit_struct(&'static str) -> S::Ok;
        serialize_newtype_struct<T>(&'static str, &T) -> S::Ok;
        serialize_newtype_variant<T>(&'static str, u32, &'static str, &T) -> S::Ok;
        serialize_seq(Option<usize>) -> Never<S>;
        serialize_tuple(usize) -> Never<S>;
        serialize_tuple_struct(&'static str, usize) -> Never<S>;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never<S>;
        serialize_map(Option<usize>) -> Never<S>;
        serialize_struct(&'static str, usize) -> Never<S>;
    }
}

impl<O: SerializeStruct> SerializeStructVariant for Members<O> {
    type Ok = O::Ok;
    type Error = O::Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), O::Error> {
        self.0.serialize_field(name, value)
    }

    fn skip_field(&mut self, name: &'static str) -> Result<(), O::Error> {
        self.0.skip_field(name)
    }

    fn end(self) -> Result<O::Ok, O::Error> {
        self.0.end()
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::{from_str, from_value, json, to_string};

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(remote = "Self", rename_all = "snake_case")]
    enum Step {
        Rest,
        GoOn {
            by: u8,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            then: Option<Box<Step>>,
        },
    }

    tagged!(Step, "step");

    /// What serde makes of the same enum.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "step", rename_all = "snake_case")]
    enum Serdes {
        Rest,
        GoOn {
            by: u8,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            then: Option<Box<Serdes>>,
        },
    }

    #[test]
    fn what_is_written_is_what_serde_writes_and_reads_the_same() {
        let steps = [Step::Rest, Step::GoOn { by: 1, then: None }, Step::GoOn { by: 2, then: Some(Step::Rest.into()) }];
        let others =
            [Serdes::Rest, Serdes::GoOn { by: 1, then: None }, Serdes::GoOn { by: 2, then: Some(Serdes::Rest.into()) }];
        for (step, other) in steps.into_iter().zip(others) {
            let text = to_string(&step).unwrap();
            assert_eq!(text, to_string(&other).unwrap());
            assert_eq!(from_str::<Step>(&text).unwrap(), step);
            // Here the members come in the order of their names.
            assert_eq!(from_value::<Step>(from_str(&text).unwrap()).unwrap(), step, "{text}");
        }
    }

    #[test]
    fn the_order_of_the_members_says_nothing() {
        let step = Step::GoOn { by: 3, then: Some(Step::Rest.into()) };
        for text in [
            r#"{"then":{"step":"rest"},"by":3,"step":"go_on"}"#,
            r#"{"by":3,"step":"go_on","then":{"step":"rest","more":[1]}}"#,
            r#" { "step" : "go_on" , "more" : {} , "then" : { "more" : null , "step" : "rest" } , "by" : 3 } "#,
            r#"{"step":"go_on","by":3,"then":{"step":"rest"}}"#,
        ] {
            assert_eq!(from_str::<Step>(text).unwrap(), step, "{text}");
        }
    }

    #[test]
    fn what_is_no_such_object_is_refused() {
        for text in [
            "{}",
            "[]",
            "null",
            "1",
            r#""rest""#,
            r#"{"by":1}"#,
            r#"{"step":"run"}"#,
            r#"{"step":1}"#,
            r#"{"step":"go_on"}"#,
            r#"{"step":"go_on","by":300}"#,
            r#"{"step":"go_on","by":1"#,
            r#"{"step":"rest"}x"#,
            r#"{"by":1,"step":"go_on""#,
            r#"{"step":"go_on","by":1,"by":2}"#,
        ] {
            assert!(from_str::<Serdes>(text).is_err(), "{text}");
            let error = from_str::<Step>(text).unwrap_err().to_string();
            assert!(!error.is_empty(), "{text}");
        }
        let error = from_value::<Step>(json!({"by": 1})).unwrap_err().to_string();
        assert_eq!(error, "missing field `step`");
    }
}
