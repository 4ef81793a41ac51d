//! Tests of [`super::rule`].
