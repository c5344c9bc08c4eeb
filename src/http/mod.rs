//! HTTP/1.1: what a server of it is made of.

pub mod files;
