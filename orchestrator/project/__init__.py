"""A NestJS project on the controller: detection, build, bundle."""
