//! Products that ask and are told in formats of their own, played from HTTP alone as their pages write it.

mod dataphin;
mod quick_audience;
mod quick_bi;
mod readings;
