"""Generators and discriminators; every discriminator returns a `Critique`."""

from .critique import Critique as Critique
from .critique import Discriminator as Discriminator
from .dense import DenseDiscriminator as DenseDiscriminator
from .dense import DenseGenerator as DenseGenerator
from .descriptors import descriptor_discriminator as descriptor_discriminator
from .descriptors import descriptor_generator as descriptor_generator
from .digits import digits_discriminator as digits_discriminator
from .digits import digits_generator as digits_generator
from .generator import Generator as Generator
from .imagenet import ImageNetDiscriminator as ImageNetDiscriminator
from .imagenet import ImageNetGenerator as ImageNetGenerator
from .imagenet import imagenet_discriminator as imagenet_discriminator
from .imagenet import imagenet_generator as imagenet_generator
from .mnist import mnist_discriminator as mnist_discriminator
from .mnist import mnist_generator as mnist_generator
from .small_images import ConvolutionalDiscriminator as ConvolutionalDiscriminator
from .small_images import ConvolutionalGenerator as ConvolutionalGenerator
from .small_images import small_images_discriminator as small_images_discriminator
from .small_images import small_images_generator as small_images_generator
from .small_images import virtual_small_images_generator as virtual_small_images_generator
from .toy import toy_discriminator as toy_discriminator
from .toy import toy_generator as toy_generator
from .virtual_batch import VirtualBatchGenerator as VirtualBatchGenerator
