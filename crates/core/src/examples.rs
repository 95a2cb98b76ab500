//! Examples of each variant of an enum, for lists that must not miss one.

/// At least one example of each variant of an enum: `examples!(Enum { Enum::A { .. } => [Enum::A { n: 1 }], … })`.
///
/// There is no wildcard in it: a variant without an example does not compile.
#[doc(hidden)]
#[macro_export]
macro_rules! examples {
    ($of:ty { $($pattern:pat => [$($example:expr),+ $(,)?]),+ $(,)? }) => {{
        const _: fn(&$of) = |example| match example { $($pattern => {})+ };
        let examples: Vec<$of> = vec![$($({
            let example: $of = $example;
            assert!(matches!(&example, $pattern), "{example:?} stands at another variant's place");
            example
        }),+),+];
        examples
    }};
}
