//! Positions: integer decimetres, earth-centred and earth-fixed, on a sphere.
//!
//! The conversion from degrees happens once, at registration, and is the only floating-point arithmetic of
//! this crate. Whatever it rounds to, the registry's integers are authoritative.

/// Radius of the sphere in decimetres: the authalic radius of GRS 80, 6,371,007.18 m.
const RADIUS_DM: f64 = 63_710_071.8;
/// Degrees in the unit of the logs, 1e-7 degrees.
const DEGREE_E7: i32 = 10_000_000;
/// Coordinates stay below this in absolute value, in decimetres (13,400 km).
const COORDINATE_DM_LIMIT: u32 = 1 << 27;

/// A latitude or longitude that is not on the globe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {got}e-7 degrees: expected at most {limit} degrees in absolute value")]
pub struct PositionError {
    /// `latitude` or `longitude`.
    pub field: &'static str,
    /// Largest absolute value, in degrees.
    pub limit: i32,
    /// The refused value, in 1e-7 degrees.
    pub got: i32,
}

/// A position in decimetres: x towards latitude 0, longitude 0; y towards longitude 90 east; z towards the
/// north pole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Decimetres.
    pub x: i32,
    /// Decimetres.
    pub y: i32,
    /// Decimetres.
    pub z: i32,
}

impl Position {
    /// The point of the sphere at a latitude and longitude in units of 1e-7 degrees; the geodetic latitude is
    /// used as the spherical one.
    ///
    /// # Errors
    /// [`PositionError`] outside 90 and 180 degrees.
    pub fn from_degrees_e7(latitude: i32, longitude: i32) -> Result<Self, PositionError> {
        for (field, got, limit) in [("latitude", latitude, 90), ("longitude", longitude, 180)] {
            if got.unsigned_abs() > (limit * DEGREE_E7).unsigned_abs() {
                return Err(PositionError { field, limit, got });
            }
        }
        let radians = |degrees_e7: i32| (f64::from(degrees_e7) / f64::from(DEGREE_E7)).to_radians();
        let (latitude, longitude) = (radians(latitude), radians(longitude));
        // At most the radius, which is far below 2^31; the cast truncates what is already whole.
        #[allow(clippy::cast_possible_truncation)]
        let decimetres = |of_radius: f64| (of_radius * RADIUS_DM).round() as i32;
        Ok(Self {
            x: decimetres(latitude.cos() * longitude.cos()),
            y: decimetres(latitude.cos() * longitude.sin()),
            z: decimetres(latitude.sin()),
        })
    }

    /// Whether every coordinate is below 2^27 in absolute value.
    #[must_use]
    pub fn is_within_limit(&self) -> bool {
        [self.x, self.y, self.z]
            .iter()
            .all(|coordinate| coordinate.unsigned_abs() < COORDINATE_DM_LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_and_a_city() {
        let at = |latitude, longitude| Position::from_degrees_e7(latitude, longitude);
        let radius = 63_710_072;
        assert_eq!(
            at(0, 0),
            Ok(Position {
                x: radius,
                y: 0,
                z: 0
            })
        );
        assert_eq!(
            at(0, 90 * DEGREE_E7),
            Ok(Position {
                x: 0,
                y: radius,
                z: 0
            })
        );
        assert_eq!(
            at(0, 180 * DEGREE_E7),
            Ok(Position {
                x: -radius,
                y: 0,
                z: 0
            })
        );
        assert_eq!(
            at(-90 * DEGREE_E7, 0),
            Ok(Position {
                x: 0,
                y: 0,
                z: -radius
            })
        );
        // Strasbourg, 48.5734 N 7.7521 E, computed with 50 digits.
        assert_eq!(
            at(485_734_000, 77_521_000),
            Ok(Position {
                x: 41_769_158,
                y: 5_686_092,
                z: 47_770_065
            })
        );
    }

    #[test]
    fn off_the_globe() {
        let refused =
            |latitude, longitude| Position::from_degrees_e7(latitude, longitude).map_err(|e| e.field);
        assert_eq!(refused(90 * DEGREE_E7 + 1, 0), Err("latitude"));
        assert_eq!(refused(i32::MIN, 0), Err("latitude"));
        assert_eq!(refused(0, -180 * DEGREE_E7 - 1), Err("longitude"));
    }
}
