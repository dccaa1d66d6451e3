//! The gateway and the page's server, as deployed, in front of real instances and of false ones.
//! Absent: containers; nginx is Debian's, the configuration the project's own.

mod instances;
mod refusals;
mod routes;
