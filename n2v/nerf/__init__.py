"""Room 02, one NeRF: encoding, field, occupancy, rays and rendering, fitting."""
